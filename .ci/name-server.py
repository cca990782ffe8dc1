"""Answers every question for an address with 127.0.0.1, on port 53 of 127.0.0.1; there is nothing of any other type."""

import socket

A = 1
NO_ERROR_RECURSIVE = 0x8180

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    asked, client = server.recvfrom(512)
    # RFC 1035 section 4.1: the name ends with an empty label; type and class follow it.
    end = asked.index(0, 12) + 5
    answers = b""
    if int.from_bytes(asked[end - 4 : end - 2], "big") == A:
        answers = b"\xc0\x0c" + asked[end - 4 : end] + (60).to_bytes(4, "big") + b"\x00\x04\x7f\x00\x00\x01"
    counts = [1, 1 if answers else 0, 0, 0]
    header = asked[:2] + NO_ERROR_RECURSIVE.to_bytes(2, "big") + b"".join(n.to_bytes(2, "big") for n in counts)
    server.sendto(header + asked[12:end] + answers, client)
