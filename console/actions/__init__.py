"""Each operator action once: permission-checked, without any user interface, called by command line and screens."""
