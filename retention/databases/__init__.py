"""The only folder that speaks SQL to the user's data."""
