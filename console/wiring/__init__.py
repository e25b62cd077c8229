"""The only place that knows the domains: builds their services from the settings and connects their ports."""
