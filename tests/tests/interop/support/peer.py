"""The other end, played by Python's ssl module.

Servers: ROLE CHAIN KEY [ARGUMENT]   They say "PORT n", then "HANDSHAKE reason" for each one that fails.
Clients: ROLE PORT ROOTS [ARGUMENT]
"""

import hashlib
import select
import socket
import ssl
import struct
import sys

LAST_WORDS = b"last words\n"


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    print("PORT", listener.getsockname()[1])
    return listener


def server_context(chain, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def serve(chain, key, handle):
    """Accepts connection after connection; one that fails is told of, and the next one served."""
    context = server_context(chain, key)
    listener = listen()
    while True:
        plain, _ = listener.accept()
        try:
            # Otherwise the end of the connection without close_notify would look like a clean one.
            tls = context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False)
        except OSError as error:
            print("HANDSHAKE", error)
            plain.close()
            continue
        handle(tls)


def client_context(roots):
    if roots == "any":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    return ssl.create_default_context(cafile=roots)


def connect(port, roots):
    plain = socket.create_connection(("127.0.0.1", int(port)))
    return client_context(roots).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)


def read_all(tls):
    """What comes until close_notify; raises ssl.SSLEOFError if the connection ends without."""
    received = b""
    while True:
        data = tls.recv(65536)
        if not data:
            return received
        received += data


TRANSFERS = 0


def duplex(tls, to_send):
    """Sends and receives at once, from one thread, because an SSL object is not made for two."""
    tls.setblocking(False)
    digest, received, left = hashlib.sha256(), 0, memoryview(to_send)
    ended = False
    while left or not ended:
        readers, writers, moved = [], [], False
        if not ended:
            try:
                data = tls.recv(1 << 16)
                ended, moved = not data, True
                digest.update(data)
                received += len(data)
            except ssl.SSLWantReadError:
                readers = [tls]
        if left:
            try:
                left, moved = left[tls.send(left[: 1 << 16]) :], True
            except ssl.SSLWantWriteError:
                writers = [tls]
        if not moved:
            select.select(readers, writers, [])
    tls.setblocking(True)
    global TRANSFERS
    TRANSFERS += 1
    print("RECEIVED", TRANSFERS, received, digest.hexdigest())


def answer(tls):
    question = read_all(tls)
    tls.sendall(hashlib.sha256(question).hexdigest().encode() + b"\n")
    tls.unwrap()
    tls.close()
    print("ANSWERED")


# ---- servers


def serve_lines(chain, key):
    """Answers each line with itself in capitals, and each goodbye with a goodbye."""

    def handle(tls):
        try:
            for line in tls.makefile("rb"):
                tls.sendall(line.upper())
            tls.unwrap()
            print("GOODBYE")
        except OSError as error:
            print("BROKEN", repr(error))
        tls.close()

    serve(chain, key, handle)


def serve_unwrap(chain, key):
    """Says goodbye first, and waits for the other's."""

    def handle(tls):
        tls.sendall(LAST_WORDS)
        tls.unwrap().close()
        print("UNWRAPPED")

    serve(chain, key, handle)


def serve_cut(chain, key):
    """Ends the connection without goodbye."""

    def handle(tls):
        tls.sendall(LAST_WORDS)
        tls.close()

    serve(chain, key, handle)


def serve_reset(chain, key):
    """Resets the connection, when it has been told that its words have arrived."""

    def handle(tls):
        tls.sendall(LAST_WORDS)
        tls.recv(16)
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        tls.close()

    serve(chain, key, handle)


def serve_after_end(chain, key):
    """Answers only when the question is complete: when the other side was closed."""

    serve(chain, key, answer)


def serve_duplex(chain, key, path):
    with open(path, "rb") as file:
        content = file.read()

    def handle(tls):
        duplex(tls, content)
        tls.unwrap()
        tls.close()

    serve(chain, key, handle)


def serve_mail(chain, key):
    """As much of a mail server as STARTTLS needs (RFC 3207)."""
    listener = listen()
    plain, _ = listener.accept()
    plain.sendall(b"220 python ready\r\n")
    lines = plain.makefile("rb", buffering=0)
    assert lines.readline().startswith(b"EHLO ")
    plain.sendall(b"250-python\r\n250 STARTTLS\r\n")
    assert lines.readline() == b"STARTTLS\r\n"
    plain.sendall(b"220 go ahead\r\n")
    tls = server_context(chain, key).wrap_socket(plain, server_side=True)
    lines = tls.makefile("rb")
    print("SECRETLY", lines.readline())
    tls.sendall(b"250 python, encrypted\r\n")
    assert lines.readline() == b"QUIT\r\n"
    tls.sendall(b"221 bye\r\n")
    tls.unwrap().close()


# ---- clients


def client_greet(port, roots):
    """Sends a line and prints what it gets, to the clean end."""
    try:
        tls = connect(port, roots)
    except ssl.SSLCertVerificationError as error:
        print("REFUSED", error.verify_message)
        sys.exit(1)
    tls.sendall(b"hello from python\n")
    print("AGREED", tls.version(), tls.cipher()[0])
    print("ANSWER", read_all(tls))
    tls.unwrap().close()
    print("GOODBYE")


def client_after_end(port, roots):
    """Answers only when the question is complete: when the other side was closed."""
    tls = connect(port, roots)
    answer(tls)


def client_unwrap(port, roots):
    """Says goodbye first, and waits for the other's."""
    tls = connect(port, roots)
    tls.sendall(LAST_WORDS)
    tls.unwrap().close()
    print("UNWRAPPED")


def client_cut(port, roots):
    """Ends the connection without goodbye."""
    tls = connect(port, roots)
    tls.sendall(LAST_WORDS)
    # What the server sends after its handshake must have been read, or the kernel resets.
    assert tls.recv(3) == b"got"
    tls.close()


def client_reset(port, roots):
    tls = connect(port, roots)
    tls.sendall(LAST_WORDS)
    assert tls.recv(3) == b"got"
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tls.close()


def client_duplex(port, roots, path):
    with open(path, "rb") as file:
        content = file.read()
    tls = connect(port, roots)
    duplex(tls, content)
    tls.unwrap().close()


def client_mail(port, roots):
    """As much of a mail client as STARTTLS needs: the one of the standard library is strict enough."""
    import smtplib

    with smtplib.SMTP("127.0.0.1", int(port), "python.example") as smtp:
        smtp.ehlo()
        assert smtp.has_extn("starttls")
        # It checks the name that it connected to; the certificate has the address too.
        smtp.starttls(context=client_context(roots))
        print("NOOP", smtp.noop())


def client_leave(port, roots):
    """Says goodbye, and closes when the other's has arrived, without reading it: as curl and nginx do."""
    tls = connect(port, roots)
    tls.sendall(LAST_WORDS)
    assert tls.recv(3) == b"got"
    tls.setblocking(False)
    try:
        tls.unwrap()
    except ssl.SSLWantReadError:
        pass
    select.select([tls], [], [])
    tls.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
