"""Questions over everything below: explain, forecast, diff, promises."""
