"""The memory of the pipeline in `etl.db`: runs, claims, attempts, log lines, readings, missed hours, quota."""
