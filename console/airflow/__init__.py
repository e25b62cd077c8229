"""The Airflow front end: a folder of DAGs for Airflow, and what their tasks do. Only the DAG file imports Airflow."""
