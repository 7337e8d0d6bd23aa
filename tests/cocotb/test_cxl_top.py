"""tideline_cxl_top with AXI models of cocotbext-axi around it and a small coherent host on the six channels."""

import os

import cocotb
from cocotb.triggers import Lock, RisingEdge
from device import (
    HARVEST_CLEAR,
    HARVEST_RECALL,
    IDENTIFY,
    LINE,
    MAP,
    PAGE,
    TRACK,
    TRACK_SET,
    WINDOW_BASE,
    WINDOW_PAGES,
    Device,
)

SEED = int(os.environ.get("TIDELINE_SEED", "1"))
NO_OP, META0, INVALID, ANY = 3, 0, 0, 2
SNP_INV = 3


class Host:
    """One request at a time and channel; remembers what memory holds, and owns lines until they are snooped."""

    def __init__(self, device):
        self.device, self.dut, self.rng = device, device.dut, device.rng
        self.tag, self.ndr, self.drs = 0, {}, {}
        self.memory, self.owned, self.snoops = {}, {}, 0
        # A channel carries one message at a time.
        self.locks = {name: Lock() for name in ("req", "rwd", "birsp")}
        for name in ("m2s_req", "m2s_rwd", "m2s_birsp"):
            getattr(self.dut, name + "_valid").value = 0
        for name in ("s2m_ndr", "s2m_drs", "s2m_bisnp"):
            getattr(self.dut, name + "_ready").value = 0
        cocotb.start_soon(self.receive("s2m_ndr", ["opcode", "tag"], self.on_ndr))
        cocotb.start_soon(self.receive("s2m_drs", ["opcode", "tag", "poison", "data"], self.on_drs))
        cocotb.start_soon(self.receive("s2m_bisnp", ["opcode", "addr", "tag"], self.on_snoop))

    async def send(self, channel, **fields):
        for name, value in fields.items():
            getattr(self.dut, f"{channel}_{name}").value = value
        valid, ready = getattr(self.dut, channel + "_valid"), getattr(self.dut, channel + "_ready")
        valid.value = 1
        await RisingEdge(self.dut.clk)
        while not ready.value:
            await RisingEdge(self.dut.clk)
        valid.value = 0

    async def receive(self, channel, fields, handler):
        valid, ready = getattr(self.dut, channel + "_valid"), getattr(self.dut, channel + "_ready")
        while True:
            await RisingEdge(self.dut.clk)
            if ready.value == 1 and valid.value == 1:
                handler(**{name: int(getattr(self.dut, f"{channel}_{name}").value) for name in fields})
            ready.value = int(self.rng.random() < 0.7)

    def on_ndr(self, opcode, tag):
        assert tag not in self.ndr, "two answers to one request"
        self.ndr[tag] = opcode

    def on_drs(self, opcode, tag, poison, data):
        assert tag not in self.drs, "two answers to one request"
        self.drs[tag] = (opcode, poison, data.to_bytes(64, "little"))

    def on_snoop(self, opcode, addr, tag):
        self.snoops += 1
        # A block form names lines of an aligned four by address bits 7:6: the lower two, the upper two, or all.
        lines = {1: [0, 1], 2: [2, 3], 3: [0, 1, 2, 3]}[addr >> 6 & 3] if opcode & 4 else [addr >> 6 & 3]
        block = addr & ~0xFF
        cocotb.start_soon(self.answer([block + line * LINE for line in lines], opcode & 4, tag))

    async def answer(self, lines, opcode, tag):
        for addr in lines:
            if (data := self.owned.pop(addr, None)) is not None:
                await self.write(addr, data, snoop=0)
        async with self.locks["birsp"]:
            await self.send("m2s_birsp", opcode=opcode, tag=tag, low=lines[0] >> 6 & 3)

    async def wait(self, answers, tag):
        for _ in range(20_000):
            if tag in answers:
                return answers.pop(tag)
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"no answer to tag {tag}")

    def next_tag(self):
        self.tag = (self.tag + 1) & 0xFFFF
        return self.tag

    async def write(self, addr, data, snoop=SNP_INV):
        tag = self.next_tag()
        async with self.locks["rwd"]:
            await self.send(
                "m2s_rwd", opcode=1, addr=addr, tag=tag, meta_field=META0, meta_value=INVALID, snp_type=snoop,
                data=int.from_bytes(data, "little"), be=0,
            )
        assert await self.wait(self.ndr, tag) == 0, "a write is answered Cmp"
        self.memory[addr] = data

    async def read(self, addr, own=False):
        tag = self.next_tag()
        async with self.locks["req"]:
            meta = dict(meta_field=META0, meta_value=ANY) if own else dict(meta_field=NO_OP, meta_value=0)
            await self.send("m2s_req", opcode=1, addr=addr, tag=tag, snp_type=SNP_INV if own else 2, **meta)
        ndr = await self.wait(self.ndr, tag)
        assert ndr == (2 if own else 0), f"a read is answered {ndr}"
        opcode, poison, data = await self.wait(self.drs, tag)
        assert (opcode, poison) == (0, 0)
        return data


@cocotb.test()
async def a_day_of_the_device(dut):
    """Registers, MAP, TRACK, writes, reads, owned lines, recall, harvests, under back-pressure."""
    device = Device(dut, SEED)
    host = Host(device)
    await device.start()
    await device.every_register()
    done = await device.ok(IDENTIFY)
    assert done[3] & 0xFFFF_FFFF == WINDOW_PAGES
    await device.ok(MAP, count=WINDOW_PAGES, arg=0)
    await device.ok(TRACK, flags=TRACK_SET, count=WINDOW_PAGES)
    rng = device.rng
    for epoch, share in enumerate([0.0, 0.3, 0.7]):
        device.stall(share)
        written = set()
        for _ in range(60):
            page, line = rng.randrange(WINDOW_PAGES), rng.randrange(64)
            addr = WINDOW_BASE + page * PAGE + line * LINE
            if addr in host.owned:
                continue
            data = rng.randbytes(64)
            if rng.random() < 0.3:
                # The host takes the line, stores into its cache, and keeps it: only a recall finds it.
                await host.read(addr, own=True)
                host.owned[addr] = data
            else:
                await host.write(addr, data)
            written.add((page, line))
        # Many at once.
        page = rng.randrange(WINDOW_PAGES)
        lines = [line for line in range(0, 64, 2) if WINDOW_BASE + page * PAGE + line * LINE not in host.owned]
        tasks = [
            cocotb.start_soon(host.write(WINDOW_BASE + page * PAGE + line * LINE, rng.randbytes(64))) for line in lines
        ]
        for task in tasks:
            await task
        written |= {(page, line) for line in lines}
        held = len(host.owned)
        assert held, "some lines are only in the host's cache"
        reported = await device.harvest(HARVEST_RECALL | HARVEST_CLEAR)
        assert reported == written, f"epoch {epoch}: missed {written - reported}, invented {reported - written}"
        assert not host.owned, "a recall leaves nothing behind"
        for addr, data in rng.sample(sorted(host.memory.items()), 20):
            assert await host.read(addr) == data, f"{addr:#x} reads back as something else"
            offset = addr - WINDOW_BASE
            assert device.dram.read(offset, 64) == data, f"{addr:#x} is not in device memory"
    assert host.snoops > 0
    assert await device.read(0x070) == 0, "ERROR"
    dut._log.info("%d cycles, %d snoops, %d lines", device.cycles, host.snoops, len(host.memory))
