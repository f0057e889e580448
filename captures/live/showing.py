"""One showing of the sensor: its process, those whom it tells, and what they heard, written as it comes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ears import METRICS_PORT, Reader, Receiver, ServiceManager, metric, metrics_page
from stage import MIRROR
from stories import Heard

from zoneguard.findings.finding import Severity
from zoneguard.findings.lifecycle import Change
from zoneguard.report.harmless import harmless
from zoneguard.report.width import wrap
from zoneguard.report.words import SEVERITIES
from zoneguard.sensor.sinks.wording import CHANGES
from zoneguard.text import Text

if TYPE_CHECKING:
    from contextlib import ExitStack

    from zoneguard.text import Lang

PROGRAM = [str(Path(sys.executable).with_name("zoneguard"))]
WIDTH = 79
READY = 60.0  # seconds; likewise below
SETTLED = 25.0
STOPPED = 90.0
CONFIG = """\
version: 1
name: demo
policy: zones.yaml
state: state
watch:
  interfaces: [{{interface: {interface}, sensor: core, ring: 8MiB}}]
judge: {{window: 5s}}
memory: 512MiB
outputs:
  local: {{jsonl: {{file: findings.jsonl}}, min_severity: info, rate: {{messages: 1000, per: 1h}}}}
  desk: {{webhook: {{url: "{url}"}}, min_severity: info, rate: {{messages: 1000, per: 1h}}}}
metrics: {{address: 127.0.0.1, port: {port}}}
disk: {{low_water: 16MiB}}
"""
SENSOR = (
    f"  core: {{interface: {MIRROR}, l2_adjacent: true}}\n"  # each frame carries its sender's own MAC and tag
)


class NotReadyError(Exception):
    """The sensor did not become ready; its log, which is shown, says why."""


class Showing:
    """One showing: the sensor's process, those it tells, and what they heard."""

    def __init__(self, folder: Path, lang: Lang, held: ExitStack) -> None:
        self.folder, self.lang, self._held = folder, lang, held
        self.heard, self.posted = Heard(), Heard()
        self._mouth = threading.Lock()
        self._config = folder / "sensor.yaml"
        self._manager = ServiceManager(folder / "notify")
        held.callback(self._manager.close)
        receiver = Receiver(self._take_post)
        held.callback(receiver.close)
        text = CONFIG.format(interface=MIRROR, url=receiver.url, port=METRICS_PORT)
        self._config.write_text(text, encoding="utf-8")
        self._sensor: subprocess.Popen[bytes] | None = None
        self._readers: list[Reader] = []

    # --- the sensor -------------------------------------------------------------------------------------

    def use_policy(self, policy: Path) -> None:
        """Put a policy in place, with a sensor on the trunk, and its approvals in force today.

        The sensor judges by today's date, and the stories are not about approvals that have run out.
        """
        today = datetime.now(UTC).date()  # noqa: TID251 - a script's clock
        term = f"on: {today - timedelta(days=30)}, until: {today + timedelta(days=300)}"
        words = re.sub(r"on: \d{4}-\d\d-\d\d, until: \d{4}-\d\d-\d\d", term, policy.read_text("utf-8"))
        words = words.replace("\nsensors:\n", f"\nsensors:\n{SENSOR}", 1)
        (self.folder / "zones.yaml").write_text(words, encoding="utf-8")

    def start(self) -> None:
        """Start the sensor and wait until it says that it is ready."""
        self.command("sensor", "run", "--config", self._config.name)
        log = self.folder / "log.jsonl"
        log.touch()
        self._held.callback(self._kill)
        with log.open("ab") as stderr:
            self._sensor = subprocess.Popen(
                [*PROGRAM, "sensor", "run", "--config", str(self._config)],
                env={**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")},
                stderr=stderr,
                process_group=0,  # Ctrl+C is for us; the sensor is stopped by TERM
            )
        self._readers = [
            Reader(log, self._take_log),
            Reader(self.folder / "findings.jsonl", self._take_line),
        ]
        for reader in self._readers:
            self._held.callback(reader.close)
        self._wait_until_ready()

    def reload(self, policy: Path) -> None:
        """Have the sensor go by another policy."""
        self.use_policy(policy)
        self.say(
            Text(
                ja=f"$ kill -HUP（方針を {policy.name} に替えました）",
                en=f"$ kill -HUP (the policy is {policy.name} now)",
            )
        )
        self._signal(signal.SIGHUP)
        self._wait_until_ready()

    def settle(self, sent: int) -> str:
        """Wait until everything sent has been judged and told; give the metrics page."""
        until = time.monotonic() + SETTLED
        judged = metric(metrics_page(), "zoneguard_windows_total") or 0
        while True:
            page = metrics_page()
            is_judged = (metric(page, "zoneguard_windows_total") or 0) >= judged + 2
            is_told = metric(page, "zoneguard_spool_messages") == 0
            if (
                is_judged and is_told and metric(page, "zoneguard_packets_total") == sent
            ) or time.monotonic() > until:
                return page
            time.sleep(0.5)

    def stop(self) -> int:
        """End the sensor as a service manager does; give its exit code."""
        self.write("\n$ kill -TERM\n")
        self._signal(signal.SIGTERM)
        code = self._process().wait(STOPPED)
        for reader in self._readers:
            reader.close()
        return code

    def show_status(self) -> None:
        """Show what an operator sees, as it is now: USR1 has the sensor write its status."""
        path = self.folder / "state" / "status.json"
        before, until = path.stat().st_mtime_ns, time.monotonic() + SETTLED
        self._signal(signal.SIGUSR1)
        while path.stat().st_mtime_ns == before and time.monotonic() < until:
            time.sleep(0.05)
        self.command("sensor", "status", "--config", self._config.name)
        page = subprocess.run(
            [*PROGRAM, "--lang", self.lang, "sensor", "status", "--config", str(self._config)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.write(page.stdout)

    # --- what is heard ----------------------------------------------------------------------------------

    def _take_line(self, line: dict[str, Any]) -> None:
        if "finding" in line:
            self.heard.findings.append(line)
            self.say(_one_line(line), head="  jsonl    ")
        if "notice" in line:
            self.say(Text(ja=line["notice"]["ja"], en=line["notice"]["en"]), head="  jsonl    ")

    def _take_post(self, key: str, message: dict[str, Any]) -> None:
        told, notices = len(message["told"]), len(message["notices"])
        self.posted.findings += message["told"]
        self.say(
            Text(
                ja=f"{key}: 指摘 {told}、お知らせ {notices}", en=f"{key}: findings {told}, notices {notices}"
            ),
            head="  webhook  ",
        )

    def _take_log(self, entry: dict[str, Any]) -> None:
        self.say(Text(ja=entry["message"]["ja"], en=entry["message"]["en"]), head="  log      ")

    # --- what is shown ----------------------------------------------------------------------------------

    def say(self, text: Text, *, head: str = "") -> None:
        """Write a text after its head, in lines of a terminal's width."""
        lines = wrap(harmless(text.in_(self.lang)), WIDTH - len(head))
        heads = [head, *[" " * len(head)] * (len(lines) - 1)]
        self.write("".join(f"{before}{line}\n" for before, line in zip(heads, lines, strict=True)))

    def command(self, *words: str) -> None:
        """Write a command as it is typed."""
        self.write(f"\n$ zoneguard {' '.join(words)}\n")

    def write(self, text: str) -> None:
        """Write whole lines, one at a time of all that speak."""
        with self._mouth:
            sys.stdout.write(text)
            sys.stdout.flush()

    # --- below ------------------------------------------------------------------------------------------

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + READY
        while not self._manager.is_told("READY=1", 1.0):
            if self._process().poll() is not None or time.monotonic() > until:
                raise NotReadyError

    def _process(self) -> subprocess.Popen[bytes]:
        if self._sensor is None:
            raise RuntimeError("The sensor was not started.")
        return self._sensor

    def _signal(self, number: signal.Signals) -> None:
        self._process().send_signal(number)

    def _kill(self) -> None:
        sensor = self._sensor
        if sensor is not None and sensor.poll() is None:
            sensor.terminate()
            try:
                sensor.wait(10)
            except subprocess.TimeoutExpired:
                sensor.kill()
                sensor.wait()


def _one_line(line: dict[str, Any]) -> Text:
    finding = line["finding"]
    change, severity = CHANGES[Change(line["change"])], SEVERITIES[Severity(finding["severity"])]
    ends = [finding[end]["address"] for end in ("orig", "resp") if end in finding]
    service = finding.get("service", "")
    traffic = f" {' → '.join(ends)} {service}".rstrip()
    return Text(
        ja=f"{change.ja} {finding['rule']} {severity.ja}{traffic} {finding['title']['ja']}",
        en=f"{change.en} {finding['rule']} {severity.en.lower()}{traffic} {finding['title']['en']}",
    )
