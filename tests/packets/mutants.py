#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Would the packet tests notice? Breaks a copy of the packet path in one place at a time and expects a red test.

usage: mutants.py BUILD_DIRECTORY [WORD...]     only mutants with one of the words in their name

BUILD_DIRECTORY has packet_runner, both differentials and balancer.bpf.o up to date; only what a mutant changes is
compiled again, elsewhere. Takes minutes: not part of tools/test. Needs root for the mutants of bpf/. A mutant whose
text is no longer found is stale and counts as a failure: write it anew.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ABI, BPF, PACKET = "dataplane/abi/", "bpf/", "dataplane/core/packet/"
# Name, file, text that stands there once, text instead.
MUTANTS = [
    ("outer header without DF", ABI + "sluice_encap.h", "sluice_store32(p + 4, 0x00400000u); /* identification 0, DF */",
     "sluice_store32(p + 4, 0);"),
    ("TTL checksum without the end-around carry", ABI + "sluice_encap.h", "(sum + (sum >= 0xffff))", "sum"),
    ("outer IPv6 without the traffic class", ABI + "sluice_encap.h",
     "(sluice_u32)outer->traffic_class << 20 |", "0 |"),
    ("13 bits of GUE source port", ABI + "sluice_encap.h", ">> 32) & 0x3fff)", ">> 32) & 0x1fff)"),
    ("chain: second and third id change places", ABI + "sluice_pipeline.h",
     "sluice_store32(p + 12, sluice_swap32(chain->second));", "sluice_store32(p + 12, sluice_swap32(chain->third));"),
    ("lengths from the frame, not from the IP header", ABI + "sluice_pipeline.h",
     "outer.payload_bytes = road->packet.l3_bytes;",
     "outer.payload_bytes = (sluice_u32)(frame->end - frame->data) - road->packet.l3_offset;"),
    ("first fragments for everybody", ABI + "sluice_pipeline.h",
     "if (SLUICE_UNLIKELY(packet->first_fragment) && !(road->vip->flags & SLUICE_VIP_FRAGMENTS))",
     "if (packet->first_fragment && 0)"),
    ("ICMP errors whose quote is about another VIP", ABI + "sluice_pipeline.h",
     "if (quote.source[0] != packet->destination[0])", "if (0)"),
    ("224.0.0.0/8 may send", ABI + "sluice_pipeline.h", "first >= 224", "first > 224"),
    ("the source is judged before the checksum", ABI + "sluice_pipeline.h",
     "  if (!is_v6 && SLUICE_UNLIKELY(sluice_ipv4_checksum_wrong(frame, packet))) return SLUICE_REASON_bad_checksum;\n",
     "  if (SLUICE_UNLIKELY(sluice_source_is_bad(packet, is_v6))) return SLUICE_REASON_bad_source;\n"
     "  if (!is_v6 && SLUICE_UNLIKELY(sluice_ipv4_checksum_wrong(frame, packet))) return SLUICE_REASON_bad_checksum;\n"),
    ("TTL 1 is forwarded", ABI + "sluice_pipeline.h", "road->packet.ttl <= 1", "road->packet.ttl < 1"),
    ("pings with options are answered", ABI + "sluice_pipeline.h",
     "if (packet->l4_offset != ip_bytes) return SLUICE_REASON_not_vip;", "if (0) return SLUICE_REASON_not_vip;"),
    ("pings without limit", ABI + "sluice_pipeline.h",
     "if (!sluice_take_icmp(road)) return SLUICE_REASON_echo_limited;", "(void)sluice_take_icmp(road);"),
    ("fragments hashed with the source port", ABI + "sluice_choose.h", "    source_port = 0;\n", ""),
    ("SYNs take a chain along", ABI + "sluice_choose.h", ") && !road->opens)", "))"),
    ("dead backends in chains and flows", ABI + "sluice_choose.h",
     "return backend && (backend->flags & SLUICE_BACKEND_ALIVE) ? backend : NULL;", "return backend;"),
    ("a fixed bucket place for new flows", ABI + "sluice_flows.h", "if (age > victim_age) {",
     "if (age > SLUICE_FLOW_TIME_MASK && age > victim_age) {"),
    ("UDP idle for 29 ticks is forgotten", ABI + "sluice_limits.h", "#define SLUICE_UDP_IDLE_TICKS 30",
     "#define SLUICE_UDP_IDLE_TICKS 29"),
    ("seven extension headers", ABI + "sluice_limits.h", "#define SLUICE_EXT_HEADERS_MAX 8",
     "#define SLUICE_EXT_HEADERS_MAX 7"),
    ("8 bytes more are quoted", ABI + "sluice_limits.h", "#define SLUICE_ICMP_QUOTE_MAX 304u",
     "#define SLUICE_ICMP_QUOTE_MAX 312u"),
    ("slots by the low half of the hash", ABI + "sluice_hash.h", "(((flow_hash >> 32) * slots_count) >> 32)",
     "(((flow_hash & 0xffffffffu) * slots_count) >> 32)"),
    ("XDP keeps a byte too many", BPF + "frame.h", "(int)((long)bytes - length)", "(int)((long)bytes - length + 1)"),
    ("XDP takes the families' roads for each other", BPF + "balancer.bpf.c",
     "SLUICE_ROAD_TAGGED : road->packet.is_v6", "SLUICE_ROAD_TAGGED : !road->packet.is_v6"),
    ("XDP passes what it should drop", BPF + "balancer.bpf.c", "  return XDP_DROP;", "  return XDP_PASS;"),
    ("burst: the flow table as it was before a whole packet", PACKET + "packet_burst_level.cc",
     "if (flows_changed && is_tracked) point(burst, lanes, lane);", ""),
    ("burst: SYNs are recalled", PACKET + "packet_burst_level.cc", "SLUICE_UNLIKELY(has(lanes.opens, lane) || (",
     "SLUICE_UNLIKELY((lanes.vip[lane]->flags & SLUICE_VIP_EMPTY) || ("),
    ("burst: UDP flows stay for ever", PACKET + "packet_burst_level.cc",
     "if (is_udp && SLUICE_UNLIKELY(sluice_flow_age(found, burst.now) > SLUICE_UDP_IDLE_TICKS)) return 0;", ""),
    ("burst: flows are not refreshed", PACKET + "packet_burst_level.cc",
     "if (SLUICE_SHARED_LOAD(entry) != lanes.wanted[lane]) SLUICE_SHARED_STORE(entry, lanes.wanted[lane]);", ""),
    ("burst: a byte more than the path takes", PACKET + "packet_burst_level.cc", "l3_bytes > backend->inner_mtu ||",
     "l3_bytes > backend->inner_mtu + 1u ||"),
    ("burst: TTL checksum without the carry", PACKET + "packet_burst_level.cc",
     "if (SLUICE_UNLIKELY(word >= 0xfffe0000u)) word += 0x10000;", ""),
    ("burst: services that take a chain are plain", PACKET + "packet_burst_level.cc",
     "vip == lanes.vip[0] && !(vip->flags & SLUICE_VIP_CHAIN)", "vip == lanes.vip[0]"),
    ("burst: unstable slots without a chain", PACKET + "packet_burst_level.cc",
     "SLUICE_UNLIKELY((entry & SLUICE_SLOT_UNSTABLE) && (vip->flags & SLUICE_VIP_CHAIN) && !has(lanes.opens, lane))",
     "lane > 99"),
    ("burst: one length told for several", PACKET + "packet_burst_level.cc",
     "lane == count && outer_all == outer_each && interfaces == 0", "lane == count && interfaces == 0"),
    ("burst: told at once whatever the interface", PACKET + "packet_burst_level.cc",
     "outer_all == outer_each && interfaces == 0", "outer_all == outer_each"),
    ("burst: new flows uncounted", PACKET + "packet_burst_level.cc", "    sums.new_flows += 1;\n", ""),
    ("burst: services that hash without ports", PACKET + "packet_burst_level.cc",
     "(vip->flags & (SLUICE_VIP_FRAGMENTS | SLUICE_VIP_EMPTY))", "(vip->flags & SLUICE_VIP_EMPTY)"),
    ("burst: several of any flags", PACKET + "packet_burst_level.cc", "|| (vip->flags & ~SLUICE_VIP_TRACK))) return",
     ")) return"),
    ("burst: the rest of a VIP's IPv6 address", PACKET + "packet_burst_level.cc",
     "(key >> 56 == SLUICE_KEY_SERVICE_V6 && !is_rest_of_v6(vip, burst.frames->data[lane]))", "lane > 99"),
    ("burst: the rest of several IPv6 addresses", PACKET + "packet_burst_level.cc",
     "if (SLUICE_UNLIKELY(!is_rest_of_v6(vip, burst.frames->data[i]))) return false;", ";"),
    ("burst: settled frames keep their length", PACKET + "burst_frames.h",
     "    burst->bytes[i] += burst->outer_bytes;\n", ""),
    ("look: sum without the carry", PACKET + "burst_look.h", "return sum + (sum < b);", "return sum;"),
    ("look: 127.0.0.0/8 may send", PACKET + "burst_look.h", "(source & 0xff) == 127 || ", ""),
    ("look: SYN+ACK opens", PACKET + "burst_look.h", "(SLUICE_TCP_SYN | SLUICE_TCP_ACK) << 8", "SLUICE_TCP_SYN << 8"),
    ("look: hop limit 1", PACKET + "burst_look.h", "(first >> 56) <= 1", "(first >> 56) < 1"),
    ("look: UDP longer than its packet", PACKET + "burst_look.h", " && udp_bytes <= available", ""),
    ("several: sum without the carry", PACKET + "burst_look_wide.h", "low16)), shift_right<32>(sum));",
     "low16)), wide_of(0));"),
    ("several: 127.0.0.0/8 may send", PACKET + "burst_look_wide.h",
     "  good = differing_of(good, first, wide_of(127));\n", ""),
    ("several: SYN+ACK opens", PACKET + "burst_look_wide.h", "wide_of((SLUICE_TCP_SYN | SLUICE_TCP_ACK) << 8)",
     "wide_of(SLUICE_TCP_SYN << 8)"),
    ("several: ::1 may send", PACKET + "burst_look_wide.h", "wide_of(~(1ull << 56))", "wide_of(~0ull)"),
    ("several: an IPv6 VIP may send to itself", PACKET + "burst_look_wide.h",
     "return differing_of(good, difference, wide_of(0));", "return good;"),
    ("several: hop limit 1", PACKET + "burst_look_wide.h", "fitting_of(good, wide_of(2), shift_right<56>",
     "fitting_of(good, wide_of(1), shift_right<56>"),
    ("several: IPv4 longer than its frame", PACKET + "burst_look_wide.h",
     "  good = fitting_of(good, add(l3_bytes, wide_of(SLUICE_ETHERNET_BYTES)), load_wide(&burst.frames->bytes[lane]));\n", ""),
    ("several: transport header longer than its packet", PACKET + "burst_look_wide.h",
     "fitting_of(fitting_of(good, least, bytes), bytes, available)", "fitting_of(good, least, bytes)"),
    ("several: those left whole are matched", PACKET + "burst_look_wide.h", "(lanes.whole >> lane & several) == 0",
     "true"),
]
# Rare lines of the services buffer have to be met as well.
BURST_FRAMES = "1500000"
LEVELS = ("v2", "v3", "v4")
MODEL_FRAMES = "40000"
PROGRAMS = ("packet_runner", "packet_differential")
BURST = "burst_differential"


class Copy:
    """A copy of the packet path, and the programs of a build made over with it."""

    def __init__(self, build, directory):
        self.build, self.source, self.made = build, directory / "source", directory / "made"
        self.made.mkdir()
        for folder in (ABI, BPF, PACKET):
            shutil.copytree(ROOT / folder, self.source / folder)
        self.commands = self.build_commands()

    def build_commands(self):
        """By folder: shell commands, run in the build directory, that end in self.made instead."""
        replay = str(self.made / "replay_plane.o")
        scalar = [self.command_for("tests/packets/libsluice_packet_planes.a", "/replay_plane.cc", replay)]
        for program in PROGRAMS:
            scalar.append(self.link_with(program, f"{program}.cc.o ", f"{program}.cc.o {replay} "))
        frames = str(self.made / "burst_differential.o")
        burst = [self.command_for(f"tests/packets/{BURST}", "/burst_differential.cc", frames)]
        levels = [str(self.made / f"level_{level}.o") for level in LEVELS]
        for level, output in zip(LEVELS, levels):
            burst.append(self.command_for(f"{PACKET}libsluice_packet_{level}.a", f"level_{level} ", output))
        burst.append(self.link_with(BURST, f"tests/packets/{BURST}.p/{BURST}.cc.o ", " ".join([frames, *levels, ""])))
        balancer = str(self.made / "balancer.bpf.o")
        bpf = scalar + [self.command_for("bpf/balancer.bpf.o", "balancer.bpf.c", balancer)]
        return {ABI: scalar, BPF: bpf, PACKET: burst}

    def link_with(self, program, old, new):
        """Before the libraries: what is in there is then not asked for."""
        link = self.command_for(f"tests/packets/{program}", f"-o tests/packets/{program} ", str(self.made / program))
        assert old in link, link
        return link.replace(old, new, 1)

    def command_for(self, target, mark, output):
        done = subprocess.run(["ninja", "-C", self.build, "-t", "commands", target], capture_output=True, text=True,
                              check=True)
        command = next(line for line in done.stdout.splitlines() if mark in line)
        command = re.sub(r"-o \S+", f"-o {output}", command)
        # A mutant may well leave something unused.
        command = re.sub(r"-M[FQ] \S+", "", command).replace(" -MD ", " ").replace(" -Werror ", " ")
        for folder in (ABI, BPF, PACKET):
            # As ninja writes it: from the build directory, or absolute.
            for root in (os.path.relpath(ROOT, self.build), str(ROOT)):
                command = command.replace(f"{root}/{folder}"[:-1], f"{self.source}/{folder}"[:-1])
        return command

    def passes(self, *command):
        environment = os.environ | {"SLUICE_SEED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=300, check=False).returncode == 0

    def first_red(self, folder):
        """Name of the first test that fails, or None."""
        for command in self.commands[folder]:
            done = subprocess.run(command, shell=True, cwd=self.build, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return f"the compiler: {done.stderr[-500:]}"
        if folder == PACKET:
            return None if self.passes(self.made / BURST, HERE / "configs", BURST_FRAMES) else "burst-differential"
        runner, balancer = self.made / "packet_runner", self.made / "balancer.bpf.o"
        checks = [
            ("fixtures-replay", [HERE / "fixture_test.py", "replay", runner, balancer]),
            ("model-differential", [HERE / "model_differential.py", self.made / "packet_differential", MODEL_FRAMES]),
        ]
        if folder == BPF:
            checks = [("fixtures-xdp", [HERE / "fixture_test.py", "xdp", runner, balancer])]
        return next((name for name, command in checks if not self.passes(sys.executable, *command)), None)


def folder_of(path):
    return next(folder for folder in (ABI, BPF, PACKET) if path.startswith(folder))


def try_one(copy, name, path, old, new):
    """A line about the mutant, and whether it was noticed."""
    file = copy.source / path
    text = file.read_text()
    if text.count(old) != 1:
        return f"stale: {path} has it {text.count(old)} times", False
    file.write_text(text.replace(old, new))
    red = copy.first_red(folder_of(path))
    file.write_text(text)
    if red and not red.startswith("the compiler"):
        return f"red: {red}", True
    return f"not noticed ({red})", False


def main(build, *words):
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant[0] for word in words)]
    noticed = 0
    with tempfile.TemporaryDirectory(prefix="sluice-mutants-") as directory:
        copy = Copy(pathlib.Path(build).resolve(), pathlib.Path(directory))
        for folder in sorted({folder_of(path) for _, path, _, _ in chosen}):
            if red := copy.first_red(folder):
                print(f"the packet path as it is fails already: {red}")
                return 1
        for mutant in chosen:
            line, good = try_one(copy, *mutant)
            noticed += good
            print(f"{mutant[0]}: {line}", flush=True)
    print(f"{noticed} of {len(chosen)} mutants noticed")
    return 0 if noticed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
