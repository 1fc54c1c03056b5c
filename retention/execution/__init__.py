"""Shows a Plan or carries it out."""
