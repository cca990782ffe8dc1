"""A wire that loses, delays, reorders and doubles packets: a TUN device whose far end is this program.

What netem does in the kernel, for kernels that have none. It wants root in a network namespace of its own.

Each packet to 10.77.0.2 comes back with its two addresses exchanged, so that it reaches 10.77.0.1: both ends of a
connection are on this machine, and every packet between them goes through here. Exchanging the addresses changes no
checksum, because a sum does not depend on the order.

    wire.py LOSS DELAY_MS JITTER_MS DOUBLED SEED

LOSS and DOUBLED are probabilities. It says "up" when the device is there. A line on its standard input changes the
weather: "dark" loses everything, "light" ends that; the answer is how many packets were lost. It ends when its standard
input does.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000


def device(name):
    """A new TUN device with our address."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "address", "add", "10.77.0.1/24", "dev", name],
        ["ip", "link", "set", name, "up"],
    ):
        subprocess.run(command, check=True)
    return tun


def turned(packet):
    """The packet with its addresses exchanged (RFC 791 section 3.1); None if it is not IPv4."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    return packet[:12] + packet[16:20] + packet[12:16] + packet[20:]


def main():
    loss, delay, jitter, doubled, seed = map(float, sys.argv[1:])
    chance = random.Random(seed)
    tun = device("wire")
    commands = os.fdopen(0, "rb", buffering=0)
    print("up", flush=True)
    dark = False
    number = lost = 0
    under_way = []  # (when it is due, its number, the packet), the first that is due in front
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        ready, _, _ = select.select([tun, commands], [], [], wait)
        if commands in ready:
            command = commands.readline()
            if not command:
                return
            dark = command == b"dark\n"
            print(lost, flush=True)
        if tun in ready:
            try:
                packet = turned(os.read(tun, 65536))
            except BlockingIOError:
                packet = None
            if packet:
                number += 1
                if dark or chance.random() < loss:
                    lost += 1
                else:
                    for _ in range(2 if chance.random() < doubled else 1):
                        due = time.monotonic() + (delay + chance.uniform(0, jitter)) / 1000
                        heapq.heappush(under_way, (due, number, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            os.write(tun, heapq.heappop(under_way)[2])


main()
