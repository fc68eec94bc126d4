"""What docker-compose.yml needs beside the line itself: secrets and tokens, made on first start."""
