"""The dashboards of Grafana, made by `python -m hmi.dashboards` from what stands here."""
