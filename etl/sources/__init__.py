"""Where weather comes from: the OpenWeather API, or a practice server on this machine that speaks it."""
