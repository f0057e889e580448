"""What a packet is: addresses, services, flows and sets of packets, as pure values."""
