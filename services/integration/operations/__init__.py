"""Taking events from the services, delivering them to the sinks, reading reports."""
