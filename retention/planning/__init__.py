"""How it will go: policy + schema + as_of -> Plan. Pure: no I/O, no SQL, no clock."""
