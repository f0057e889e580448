"""What happens in each capture: who is there, what is started, and what is done while the wire is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from city import City, Host, certificate, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

MAIL_GATEWAY = Host("gateway", "172.16.251.2", "02:02:51:00:00:02")
MAIL_SERVER = Host("mta", "172.16.10.25", "02:02:10:00:00:25")
LG_TERMINAL = Host("terminal", "172.16.20.5", "02:02:20:00:00:05")
VDI = Host("vdi", "192.168.10.3", "02:03:10:00:00:03")
FILE_SERVER = Host("files", "192.168.20.40", "02:03:20:00:00:40")
IN_TERMINAL = Host("client", "192.168.20.7", "02:03:20:00:00:07")
IN_PROXY = Host("proxy", "192.168.250.10", "02:03:50:00:00:10")
IN_RESOLVER = Host("resolver", "192.168.250.11", "02:03:50:00:00:11")
UPPER_PROXY = Host("upper", "192.168.254.1", "02:00:00:fe:00:01")
LBO_PROXY = Host("lbo", "172.16.252.2", "02:02:52:00:00:02")
CLOUD = Host("cloud", "203.0.113.9", "02:00:00:fe:00:03")
LOGIN = Host("login", "198.51.100.9", "02:00:00:fe:00:04")
OUTSIDE = Host("outside", "198.51.100.200", "02:00:00:fe:00:05")


@dataclass(frozen=True)
class Scene:
    """Who is there, what is started before the recording, and what is done during it."""

    hosts: tuple[Host, ...]
    before: Callable[[City], object]
    play: Callable[[City], object]
    beyond: Host | None = None  # stands behind a proxy, where nobody records


# --- mail ----------------------------------------------------------------------------------------------


def _mail_server(made: City, *, tls: bool = False) -> None:
    (made.folder / "mail").mkdir()
    (made.folder / "mail").chmod(0o777)
    made.folder.chmod(0o755)
    listen = f"listen on {MAIL_SERVER.address} port 25"
    pki = ""
    if tls:
        crt, key = certificate(made.folder, "mta.lg.example")
        pki = f'pki "own" cert "{crt}"\npki "own" key "{key}"\n'
        listen += ' tls pki "own"'
    conf = made.write(
        "smtpd.conf",
        f'{pki}{listen}\naction "keep" maildir "{made.folder}/mail" virtual {{ "@lg.example" = nobody }}\n'
        'match from any for domain "lg.example" action "keep"\n',
    )
    made.start(MAIL_SERVER.name, "smtpd", "-d", "-f", str(conf), settle=3)


def _send(made: City, *more: str) -> None:
    made.run(
        MAIL_GATEWAY.name,
        *(
            "swaks",
            "--server",
            MAIL_SERVER.address,
            "--ehlo",
            "gateway.example",
            "--from",
            "sender@example.jp",
        ),
        *("--to", "shokuin@lg.example", "--header", "Subject: test", *more),
    )


def _text_mail(made: City) -> None:
    for number in range(3):
        _send(made, "--body", f"Message {number}.\nPlain text, as the gateway makes it.\n")


def _html_mail(made: City) -> None:
    _text_mail(made)
    made.write("page.html", "<html><body><p>Not made harmless.</p></body></html>")
    (made.folder / "figures.zip").write_bytes(b"PK\x03\x04" + bytes(800))
    _send(made, "--attach-type", "text/html", "--attach-body", "@page.html")
    _send(made, "--body", "See the file.", "--attach-type", "application/zip", "--attach", "@figures.zip")


# --- screens -------------------------------------------------------------------------------------------


def _display(made: City, host: Host, number: int) -> None:
    made.start(host.name, "Xvfb", f":{number}", "-screen", "0", "640x480x16", "-nolisten", "tcp")


def _rdp_server(made: City, *, security: str) -> None:
    crt, key = certificate(made.folder, "vdi.in.example")
    conf = made.write(
        "xrdp.ini",
        "[Globals]\nini_version=1\nfork=true\nport=3389\nuse_vsock=false\n"
        f"security_layer={security}\ncrypt_level=none\ncertificate={crt}\nkey_file={key}\n"
        "allow_channels=true\nbitmap_cache=true\n"
        "[Logging]\nLogFile=/dev/null\nEnableSyslog=false\n"
        "[Channels]\nrdpdr=true\nrdpsnd=true\ncliprdr=true\ndrdynvc=true\n"
        "[vnc-any]\nname=vnc-any\nlib=libvnc.so\nip=127.0.0.1\nport=5900\nusername=na\npassword=na\n",
    )
    made.start(VDI.name, "xrdp", "--nodaemon", "--config", str(conf), settle=3)


def _rdp(made: City, *more: str) -> None:
    _display(made, LG_TERMINAL, 77)
    made.run(
        LG_TERMINAL.name,
        *("env", "DISPLAY=:77", f"HOME={made.folder}", "timeout", "8"),
        *(
            "xfreerdp",
            f"/v:{VDI.address}",
            "/u:shokuin",
            "/p:none",
            "/cert:ignore",
            "/w:320",
            "/h:240",
            "/bpp:8",
            *more,
        ),
        timeout=15,
    )


def _vnc_server(made: City) -> None:
    made.start(
        VDI.name,
        *("Xtigervnc", ":5", "-rfbport", "3389", "-SecurityTypes", "None", "-geometry", "640x480"),
        settle=3,
    )


def _vnc(made: City) -> None:
    _display(made, LG_TERMINAL, 78)
    made.run(
        LG_TERMINAL.name,
        *(
            "env",
            "DISPLAY=:78",
            f"HOME={made.folder}",
            "timeout",
            "6",
            "xtigervncviewer",
            f"{VDI.address}::3389",
        ),
        timeout=12,
    )


def _ssh_server(made: City) -> None:
    key = made.folder / "host_key"
    made.run(VDI.name, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    made.run(VDI.name, "mkdir", "-p", "/run/sshd")
    conf = made.write("sshd_config", f"Port 3389\nHostKey {key}\nPidFile none\nUsePAM no\n")
    made.start(VDI.name, "/usr/sbin/sshd", "-D", "-e", "-f", str(conf))


def _ssh(made: City) -> None:
    made.run(
        LG_TERMINAL.name,
        *("ssh", "-p", "3389", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
        *("-o", "BatchMode=yes", f"shokuin@{VDI.address}", "true"),
        timeout=10,
    )


# --- breakouts -----------------------------------------------------------------------------------------


def _web(made: City, host: Host, *, port: int = 443, weak: bool = False) -> None:
    crt, key = certificate(made.folder, host.name)
    words = [
        "openssl",
        "s_server",
        "-accept",
        f"{host.address}:{port}",
        "-cert",
        str(crt),
        "-key",
        str(key),
        "-www",
    ]
    made.start(host.name, *words, *(("-tls1", "-cipher", "ALL:@SECLEVEL=0") if weak else ()))


def _proxy(made: City, host: Host, *, allow: str, names: dict[str, Host]) -> None:
    lines = "".join(f"{other.address} {name}\n" for name, other in names.items())
    hosts = made.write("hosts", "127.0.0.1 localhost\n" + lines)
    conf = made.write(
        "proxy.conf",
        f"User nobody\nGroup nogroup\nPort 8080\nListen {host.address}\nTimeout 60\nAllow {allow}\n"
        "MaxClients 20\nConnectPort 443\nConnectPort 22\nDisableViaHeader Yes\n",
    )
    # Names are known from a file of the proxy's own: there is no resolver on this wire.
    made.start(
        host.name,
        "unshare",
        "-m",
        "sh",
        "-c",
        f"mount --bind {hosts} /etc/hosts && exec tinyproxy -d -c {conf}",
        settle=2,
    )


def _breakout_before(made: City) -> None:
    _web(made, CLOUD)
    _web(made, LOGIN)
    _proxy(
        made,
        LBO_PROXY,
        allow="172.16.20.0/22",
        names={"a.teams.example": CLOUD, "files.example": CLOUD, "login.example": LOGIN},
    )


def _fetch(made: City, host: Host, proxy: Host, *urls: str) -> None:
    for url in urls:
        made.run(
            host.name, "curl", "-sk", "-m", "6", "-o", "/dev/null", "-x", f"http://{proxy.address}:8080", url
        )


def _direct(made: City, *more: str) -> None:
    made.run(
        LBO_PROXY.name,
        "timeout",
        "4",
        "openssl",
        "s_client",
        "-connect",
        f"{CLOUD.address}:443",
        *more,
        text="GET / HTTP/1.0\r\n\r\n",
    )


def _clear_before(made: City) -> None:
    conf = made.write(
        "nginx.conf",
        f"daemon off;\nerror_log /dev/null;\npid {made.folder}/nginx.pid;\nevents {{}}\nhttp {{ access_log off; server {{"
        f" listen {CLOUD.address}:443; location / {{ return 200 'in clear'; }} }} }}\n",
    )
    made.start(CLOUD.name, "nginx", "-c", str(conf))


# --- names ---------------------------------------------------------------------------------------------


def _resolver(made: City) -> None:
    made.start(
        IN_RESOLVER.name,
        *(
            "dnsmasq",
            "-d",
            "-C",
            "/dev/null",
            "--no-resolv",
            "--no-hosts",
            f"--listen-address={IN_RESOLVER.address}",
        ),
        *("--address=/example.jp/203.0.113.20", "--address=/lgwan.jp/", "--bind-interfaces"),
    )


def _ask(made: City, *names: str) -> None:
    for name in names:
        made.run(IN_TERMINAL.name, "dig", f"@{IN_RESOLVER.address}", name, "+tries=1", "+time=2")


def _iodine_server(made: City) -> None:
    made.start(
        IN_RESOLVER.name,
        *("iodined", "-f", "-c", "-P", "secret", "-l", IN_RESOLVER.address, "10.99.0.1", "t.example.jp"),
        settle=2,
    )


def _iodine(made: City) -> None:
    tunnel = made.start(
        IN_TERMINAL.name,
        "iodine",
        "-f",
        "-P",
        "secret",
        "-r",
        "-T",
        "NULL",
        "-m",
        "900",
        IN_RESOLVER.address,
        "t.example.jp",
        settle=6,
    )
    made.run(IN_TERMINAL.name, "ping", "-c", "15", "-i", "0.2", "-s", "500", "10.99.0.1")
    tunnel.terminate()


# --- tools, files and tunnels ---------------------------------------------------------------------------


def _upper_before(made: City) -> None:
    _web(made, OUTSIDE)
    _proxy(
        made,
        UPPER_PROXY,
        allow="192.168.250.0/27",
        names={"www.example.jp": OUTSIDE, "router7.teamviewer.com": OUTSIDE, "dns.google": OUTSIDE},
    )


def _odd_before(made: City) -> None:
    _upper_before(made)
    _web(made, OUTSIDE, port=22)


def _samba(made: City) -> None:
    share = made.folder / "share"
    share.mkdir()
    share.chmod(0o777)
    conf = made.write(
        "smb.conf",
        f"[global]\nworkgroup=CITY\nmap to guest=bad user\nbind interfaces only=yes\ninterfaces={LG_TERMINAL.address}/32\n"
        f"private dir={made.folder}\nlock directory={made.folder}\nstate directory={made.folder}\n"
        f"cache directory={made.folder}\npid directory={made.folder}\nncalrpc dir={made.folder}\nlog file={made.folder}/smb.log\n"
        f"smb ports=445\ndisable netbios=yes\nload printers=no\n[share]\npath={share}\nguest ok=yes\nread only=no\nforce user=nobody\n",
    )
    made.start(LG_TERMINAL.name, "smbd", "-F", "--no-process-group", "-s", str(conf), settle=4)


def _copy(made: City) -> None:
    made.write("plan.txt", "Copied across the division.\n" * 40)
    made.run(
        FILE_SERVER.name,
        "smbclient",
        f"//{LG_TERMINAL.address}/share",
        "-N",
        "-s",
        "/dev/null",
        "-c",
        "put plan.txt; get plan.txt back.txt; quit",
    )


def _openvpn_server(made: City) -> None:
    crt, key = certificate(made.folder, OUTSIDE.name)
    other, _ = certificate(made.folder, IN_PROXY.name)
    made.start(
        OUTSIDE.name,
        *(
            "openvpn",
            "--dev",
            "tun9",
            "--ifconfig",
            "10.98.0.1",
            "10.98.0.2",
            "--port",
            "443",
            "--proto",
            "udp",
        ),
        *("--tls-server", "--dh", "none", "--cert", str(crt), "--key", str(key)),
        *("--peer-fingerprint", fingerprint(other)),
        settle=3,
    )


def _openvpn(made: City) -> None:
    crt = made.folder / f"{OUTSIDE.name}.crt"
    own = made.folder / f"{IN_PROXY.name}.crt"
    tunnel = made.start(
        IN_PROXY.name,
        *(
            "openvpn",
            "--dev",
            "tun8",
            "--ifconfig",
            "10.98.0.2",
            "10.98.0.1",
            "--remote",
            OUTSIDE.address,
            "443",
            "udp",
        ),
        *("--tls-client", "--cert", str(own), "--key", str(own.with_suffix(".key"))),
        *("--peer-fingerprint", fingerprint(crt)),
        settle=5,
    )
    made.run(IN_PROXY.name, "ping", "-c", "5", "-i", "0.2", "10.98.0.1")
    tunnel.terminate()


SCENES: dict[str, Scene] = {
    "b04-mail-text": Scene((MAIL_GATEWAY, MAIL_SERVER), _mail_server, _text_mail),
    "b04-mail-html": Scene((MAIL_GATEWAY, MAIL_SERVER), _mail_server, _html_mail),
    "b04-mail-starttls": Scene(
        (MAIL_GATEWAY, MAIL_SERVER),
        lambda made: _mail_server(made, tls=True),
        lambda made: _send(made, "--tls"),
    ),
    "b02-rdp": Scene(
        (LG_TERMINAL, VDI),
        lambda made: _rdp_server(made, security="tls"),
        lambda made: _rdp(made, "/sec:tls"),
    ),
    "b02-rdp-drive": Scene(
        (LG_TERMINAL, VDI),
        lambda made: _rdp_server(made, security="rdp"),
        lambda made: _rdp(made, "/sec:rdp", f"/drive:share,{made.folder}", "+clipboard"),
    ),
    "b02-vnc": Scene((LG_TERMINAL, VDI), _vnc_server, _vnc),
    "b02-ssh": Scene((LG_TERMINAL, VDI), _ssh_server, _ssh),
    "d01-approved": Scene(
        (LG_TERMINAL, LBO_PROXY, CLOUD, LOGIN),
        _breakout_before,
        lambda made: _fetch(
            made, LG_TERMINAL, LBO_PROXY, "https://a.teams.example/", "https://login.example/"
        ),
    ),
    "d01-unapproved": Scene(
        (LG_TERMINAL, LBO_PROXY, CLOUD, LOGIN),
        _breakout_before,
        lambda made: _fetch(
            made, LG_TERMINAL, LBO_PROXY, "https://a.teams.example/", "https://files.example/"
        ),
    ),
    "d02-clear": Scene(
        (LBO_PROXY, CLOUD),
        _clear_before,
        lambda made: made.run(
            LBO_PROXY.name,
            *(
                "curl",
                "-s",
                "-m",
                "6",
                "-o",
                "/dev/null",
                "-H",
                "Host: a.teams.example",
                f"http://{CLOUD.address}:443/",
            ),
        ),
    ),
    "d02-old": Scene(
        (LBO_PROXY, CLOUD),
        lambda made: _web(made, CLOUD, weak=True),
        lambda made: _direct(made, "-servername", "a.teams.example", "-tls1", "-cipher", "ALL:@SECLEVEL=0"),
    ),
    "d02-no-name": Scene(
        (LBO_PROXY, CLOUD), lambda made: _web(made, CLOUD), lambda made: _direct(made, "-noservername")
    ),
    "g01-lgwan-names": Scene(
        (IN_TERMINAL, IN_RESOLVER),
        _resolver,
        lambda made: _ask(made, "www.example.jp", "telework.asp.lgwan.jp"),
    ),
    "g01-own-names": Scene(
        (IN_TERMINAL, IN_RESOLVER), _resolver, lambda made: _ask(made, "www.example.jp", "mail.example.jp")
    ),
    "g01-over-https": Scene(
        (IN_PROXY, UPPER_PROXY, OUTSIDE),
        _upper_before,
        lambda made: _fetch(made, IN_PROXY, UPPER_PROXY, "https://dns.google/dns-query"),
        beyond=OUTSIDE,
    ),
    "b05-tool": Scene(
        (IN_PROXY, UPPER_PROXY, OUTSIDE),
        _upper_before,
        lambda made: _fetch(
            made, IN_PROXY, UPPER_PROXY, "https://www.example.jp/", "https://router7.teamviewer.com/"
        ),
        beyond=OUTSIDE,
    ),
    "b05-none": Scene(
        (IN_PROXY, UPPER_PROXY, OUTSIDE),
        _upper_before,
        lambda made: _fetch(made, IN_PROXY, UPPER_PROXY, "https://www.example.jp/"),
        beyond=OUTSIDE,
    ),
    "g02-odd-port": Scene(
        (IN_PROXY, UPPER_PROXY, OUTSIDE),
        _odd_before,
        lambda made: _fetch(made, IN_PROXY, UPPER_PROXY, "https://www.example.jp:22/"),
        beyond=OUTSIDE,
    ),
    "f01-dns-tunnel": Scene((IN_TERMINAL, IN_RESOLVER), _iodine_server, _iodine),
    "f01-openvpn": Scene((IN_PROXY, OUTSIDE), _openvpn_server, _openvpn),
    "b01-smb-copy": Scene((FILE_SERVER, LG_TERMINAL), _samba, _copy),
}
