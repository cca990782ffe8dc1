#!/usr/bin/env python3
"""Measures `lem-ssl tunnel` beside stunnel, haproxy and nginx: TLS from clients, plain text to an nginx with files.

    compare.py [--rounds 3] NAME=PROGRAM...     each PROGRAM is a lem-ssl

Each runs on one core, in each round anew and in another order; clients and the back end have the other cores. CPU time is
what the kernel counts for the process (utime and stime), so that what else the machine does matters little. Needs Linux, two
cores, curl, wrk, openssl, and what is measured: stunnel4, haproxy, nginx with its stream module.
"""

import argparse, contextlib, json, os, random, re, resource, socket, ssl, statistics, subprocess, tempfile, time

BULK, IDLE, HANDSHAKES = 1 << 29, 1000, 500
CORE, OTHERS = 0, range(1, os.cpu_count())
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"

NGINX = "daemon off; master_process off; error_log stderr crit; pid {folder}/{name}.pid;\n"
BACK_END = NGINX + """events {{ worker_connections 8192; }}
http {{ access_log off; sendfile on; keepalive_requests 100000000; keepalive_timeout 600;
    server {{ listen 127.0.0.1:{back} backlog=4096; root {folder}/files; }} }}"""
STREAM = NGINX + f"load_module {STREAM_MODULE};\n" + """events {{ worker_connections 8192; }}
stream {{ server {{ listen 127.0.0.1:{port} ssl backlog=4096; ssl_certificate {folder}/both.pem;
    ssl_certificate_key {folder}/both.pem; ssl_protocols TLSv1.2 TLSv1.3; proxy_pass 127.0.0.1:{back}; }} }}"""
HAPROXY = """global
    nbthread 1
    maxconn 8000
defaults
    mode tcp
    timeout connect 10s
    timeout client 600s
    timeout server 600s
frontend clients
    bind 127.0.0.1:{port} ssl crt {folder}/both.pem
    default_backend files
backend files
    server files 127.0.0.1:{back}
"""
STUNNEL = """foreground = yes
debug = crit
pid =
[files]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{back}
cert = {folder}/both.pem
"""
CONFIGURED = {"stunnel": (STUNNEL, "stunnel4 {file}"), "haproxy": (HAPROXY, "haproxy -db -f {file}"),
              "nginx stream": (STREAM, "nginx -e stderr -c {file}")}
OURS = "{program} tunnel --quiet --listen 127.0.0.1:{port} --tls-in --cert {folder}/both.pem --key {folder}/both.pem " \
       "--connect 127.0.0.1:{back} --max-connections 8000 --max-handshakes-per-address 8000"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, port, cores):
    """A process on these cores, from when it listens to the end of the block."""
    process = subprocess.Popen(command, shell=isinstance(command, str), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               preexec_fn=lambda: os.sched_setaffinity(0, cores))
    try:
        for _ in range(1000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.01)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])


def connect(context, port, session=None, keep=False):
    """One connection with one request."""
    stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost", session=session)
    stream.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\nConnection: %s\r\n\r\n" % (b"keep-alive" if keep else b"close"))
    data = stream.recv(65536)
    while not keep and data:
        data = stream.recv(65536)
    return stream


def connections(context, port, resumed):
    """How many of them were resumed."""
    session, count = connect(context, port).session if resumed else None, 0
    for _ in range(HANDSHAKES):
        with connect(context, port, session) as stream:
            count += stream.session_reused
            session = stream.session if resumed else None
    return count


def measure(pid, port, folder):
    """What one process takes, that was started just now."""
    context = ssl.create_default_context(cafile=f"{folder}/cert.pem")
    found, before = {}, 0
    connect(context, port).close()
    before = resident_kib(pid)
    idle = [connect(context, port, keep=True) for _ in range(IDLE)]
    time.sleep(0.3)
    found["KiB per idle session"] = (resident_kib(pid) - before) / IDLE
    [stream.close() for stream in idle]
    time.sleep(0.3)

    before = cpu_seconds(pid)
    connections(context, port, resumed=False)
    found["CPU ms per connection, full handshake"] = (cpu_seconds(pid) - before) * 1000 / HANDSHAKES
    before = cpu_seconds(pid)
    count = connections(context, port, resumed=True)
    assert count in (0, HANDSHAKES), count
    found["CPU ms per connection, resumed"] = (cpu_seconds(pid) - before) * 1000 / HANDSHAKES if count else float("nan")

    before = cpu_seconds(pid)
    subprocess.run(["curl", "-sS", "--fail", "--cacert", f"{folder}/cert.pem", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256",
                    "-o", "/dev/null", f"https://localhost:{port}/large"], check=True)
    found["CPU s per GB to the client"] = (cpu_seconds(pid) - before) * 1e9 / BULK

    before = cpu_seconds(pid)
    said = subprocess.run(["wrk", "-t1", "-c8", "-d4", "--latency", f"https://localhost:{port}/small"],
                          check=True, capture_output=True, text=True).stdout
    assert "errors" not in said and "Non-2xx" not in said, said
    found["CPU µs per small request"] = (cpu_seconds(pid) - before) * 1e6 / int(re.search(r"(\d+) requests in", said)[1])
    units = {"us": 0.001, "ms": 1, "s": 1000}
    for share in (50, 99):
        number, unit = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", said).groups()
        found[f"ms until the answer, {share} of 100"] = float(number) * units[unit]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("program", nargs="+")
    arguments = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    os.sched_setaffinity(0, OTHERS)
    commands = {name: command for name, (_, command) in CONFIGURED.items()}
    commands.update(program.split("=", 1) for program in arguments.program)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.mkdir(f"{folder}/files")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "9", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
        with open(f"{folder}/both.pem", "w") as both:
            both.write(open(f"{folder}/cert.pem").read() + open(f"{folder}/key.pem").read())
        open(f"{folder}/files/small", "w").write("x" * 100)
        open(f"{folder}/files/large", "wb").write(os.urandom(1 << 20) * (BULK >> 20))
        values = dict(folder=folder, back=free_port(), name="back")
        back = f"{folder}/back.conf"
        open(back, "w").write(BACK_END.format(**values))
        results = {name: [] for name in commands}
        with running(["nginx", "-e", "stderr", "-c", back], values["back"], OTHERS):
            for number in range(arguments.rounds):
                for name in random.sample(list(commands), len(commands)):
                    values.update(port=free_port(), name=name.split()[0], program=commands[name])
                    file = f"{folder}/{values['name']}.conf"
                    template, command = CONFIGURED.get(name, ("", OURS))
                    open(file, "w").write(template.format(**values))
                    with running(command.format(file=file, **values).split(), values["port"], [CORE]) as pid:
                        results[name].append(measure(pid, values["port"], folder))
                    print(number, name, json.dumps(results[name][-1]), flush=True)
    print("|", " | ".join(["", *commands]), "|\n|" + "---|" * (len(commands) + 1))
    for what in results[next(iter(commands))][0]:
        rows = [sorted(found[what] for found in results[name]) for name in commands]
        print("|", " | ".join([what, *(f"{row[0]:.2f} ({statistics.median(row):.2f})" for row in rows)]), "|")


main()
