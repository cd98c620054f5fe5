"""Stand-ins for other systems, one module each: state, real HTTP on loopback, a journal, faults on demand."""
