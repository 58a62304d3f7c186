//! A run on QEMU as a script that needs nothing of ours: Python's standard library, QEMU, and its tools.
//!
//! It says again what was said, in the same order, and prints what comes back beside what came back then.

use serde_json::{Value, json};

use crate::conform::Conformance;
use crate::conform::qemu::{ALWAYS, Act};

/// The script.
pub fn script(conformance: &Conformance, version: &str) -> String {
    let acts: Vec<Value> = conformance.log.acts.iter().map(act).collect();
    let mut text = String::from(HEAD);
    text.push_str(&format!("RECORDED_WITH = {}\n", json!(version)));
    text.push_str(&format!("ALWAYS = {}\n\nACTS = [\n", json!(ALWAYS)));
    for act in acts {
        // JSON's words for these are not Python's, so each act is a text.
        text.push_str(&format!("    {},\n", json!(act.to_string())));
    }
    text.push_str("]\n");
    text.push_str(BODY);
    text
}

fn act(act: &Act) -> Value {
    match act {
        Act::Step(step) => json!({ "do": "step", "text": step }),
        Act::Fill { file, bytes, pattern } => {
            json!({ "do": "fill", "file": file, "bytes": bytes, "pattern": pattern })
        }
        // What it prints is told otherwise by each version.
        Act::Tool { command, status, .. } => {
            json!({ "do": "tool", "command": command, "then": status })
        }
        Act::Start { host, arguments } => {
            json!({ "do": "start", "host": host, "arguments": arguments })
        }
        Act::Command { host, command, arguments, answer, output } => json!({
            "do": "command", "host": host, "command": command, "arguments": arguments,
            "then": match answer { Ok(value) => value.clone(), Err(error) => json!(error) },
            "printed": output.lines().next().unwrap_or_default(),
        }),
        Act::Until { host, command, absent } => {
            json!({ "do": "until", "host": host, "command": command, "absent": absent })
        }
        Act::Kill { host } => json!({ "do": "kill", "host": host }),
        Act::Ended { host, how, output } => {
            json!({ "do": "ended", "host": host, "then": how, "printed": output })
        }
        Act::Look { file, at, bytes, said } => {
            json!({ "do": "look", "file": file, "at": at, "bytes": bytes, "then": said })
        }
    }
}

const HEAD: &str = r#"#!/usr/bin/env python3
"""An experiment on QEMU's replication filter, recorded step by step.

Needs qemu-system-x86_64 and qemu-img in PATH, and Python's standard library. It works in a
temporary folder of its own and ends every process that it starts. What QEMU answers is printed;
where it is not what was recorded, both are, and the exit code is 1.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

"#;

const BODY: &str = r#"

class Host:
    def __init__(self, name, arguments):
        path = name + ".qmp"
        if os.path.exists(path):
            os.unlink(path)
        self.output = open(name + ".out", "w+b")
        command = ["qemu-system-x86_64"] + ALWAYS + ["unix:" + path + ",server=on,wait=off"]
        self.process = subprocess.Popen(
            command + arguments, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        self.read = 0
        self.monitor = None
        for _ in range(2000):
            if self.process.poll() is not None:
                return
            try:
                stream = socket.socket(socket.AF_UNIX)
                stream.connect(path)
                break
            except OSError:
                time.sleep(0.005)
        else:
            self.process.kill()
            self.process.wait()
            return
        stream.settimeout(60)
        self.monitor = stream.makefile("rw")
        try:
            self.monitor.readline()
        except OSError:
            return
        self.command("qmp_capabilities", {})

    def command(self, command, arguments):
        if self.monitor is None:
            return "no answer"
        try:
            self.monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self.monitor.flush()
            for line in self.monitor:
                answer = json.loads(line)
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    return answer["error"]["desc"]
        except OSError:
            pass
        return "no answer"

    def printed(self):
        self.output.flush()
        with open(self.output.name, "rb") as output:
            output.seek(self.read)
            text = output.read()
            self.read += len(text)
            return text.decode(errors="replace")

    def ended(self):
        code = self.process.wait(60)
        return "exit status: %d" % code if code >= 0 else "signal: %d" % -code


def runs(sectors):
    said = []
    for sector in sectors:
        shown = "0x%02x" % sector[0] if len(set(sector)) == 1 else "mixed"
        if said and said[-1][0] == shown:
            said[-1][1] += 1
        else:
            said.append([shown, 1])
    return " ".join("%s*%d" % (shown, count) for shown, count in said)


def masked(said):
    """Nodes without a name get one that is another in every run."""
    return re.sub(r"[#]block[0-9]+", "NODE", json.dumps(said, sort_keys=True))


def main():
    hosts, different = {}, 0

    def compare(act, what, now, then):
        nonlocal different
        if masked(now) == masked(then):
            print("    %s: %s" % (what, now))
        else:
            different += 1
            print("    %s: %s\n      RECORDED: %s" % (what, now, then))

    try:
        for text in ACTS:
            act = json.loads(text)
            kind, host = act["do"], hosts.get(act.get("host"))
            if kind == "step":
                print(act["text"])
            elif kind == "fill":
                with open(act["file"], "wb") as image:
                    image.write(bytes([act["pattern"]]) * act["bytes"])
            elif kind == "tool":
                done = subprocess.run(act["command"], capture_output=True, text=True, timeout=60)
                compare(act, " ".join(act["command"]), done.returncode, act["then"])
            elif kind == "start":
                hosts[act["host"]] = Host(act["host"], act["arguments"])
            elif kind == "command" and host:
                answer = host.command(act["command"], act["arguments"])
                # Last words are read when its end is.
                printed = host.printed() if answer != "no answer" else ""
                name = "%s %s" % (act["host"], act["arguments"].get("command-line", act["command"]))
                compare(act, name, answer, act["then"])
                first = (printed.splitlines() or [""])[0]
                if first or act["printed"]:
                    compare(act, "      ", first, act["printed"])
            elif kind == "until" and host:
                for _ in range(2000):
                    if act["absent"] not in json.dumps(host.command(act["command"], {}), separators=(",", ":")):
                        break
                    time.sleep(0.005)
            elif kind == "kill" and host:
                host.process.kill()
                host.process.wait()
            elif kind == "ended" and host:
                how = host.ended()
                print(host.printed(), end="")
                compare(act, act["host"] + " ended", how, act["then"].split(" (")[0])
            elif kind == "look":
                with open(act["file"], "rb") as image:
                    image.seek(act["at"])
                    data = image.read(act["bytes"])
                sectors = [data[at:at + 512] for at in range(0, len(data), 512)]
                compare(act, "%s at %d" % (act["file"], act["at"]), runs(sectors), act["then"])
    finally:
        for host in hosts.values():
            if host.process.poll() is None:
                host.process.kill()
                host.process.wait()
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True)
    print("\n" + version.stdout.splitlines()[0] + "; recorded with " + RECORDED_WITH)
    print("as recorded" if not different else "%d answers are not as recorded" % different)
    return 1 if different else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        code = main()
        os.chdir("/")
    sys.exit(code)
"#;
