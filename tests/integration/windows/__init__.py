"""What of Segue runs on Windows itself: the commands of a client, against a server elsewhere."""
