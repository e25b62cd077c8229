"""The command line: one file a command group, over the same actions as the screens."""
