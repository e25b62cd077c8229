"""The weather pipeline: sources, tasks, lake, history, runner and scheduler, with no user interface."""
