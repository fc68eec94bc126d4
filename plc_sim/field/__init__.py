"""Field instruments of each station kind: what stands between physics and the PLC inputs."""
