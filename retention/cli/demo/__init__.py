"""A small invented shop with a database and a policy, to try `retention` on."""
