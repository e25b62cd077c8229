"""Everything that protects what the house holds. It knows neither the pipeline nor the console."""
