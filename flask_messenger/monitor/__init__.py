"""How the work is going: which workers are alive, what waits, how far behind each queue is."""
