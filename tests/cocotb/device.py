"""What both tops have: registers, queues, the two memories, judged by cocotbext-axi; and no output is ever X."""

import logging
import random
import struct

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

LINE, PAGE = 64, 4096
WINDOW_BASE = 0x40_0000_0000
WINDOW_PAGES = 16
# Device memory: frames for the window, then the spool.
FRAMES, DRAM_BYTES = 64, 1 << 21
# Host memory: the two queues and the record buffer.
SQ, CQ, RECORDS, HOST_BYTES, SIZE_LOG2 = 0x0000, 0x1000, 0x2000, 1 << 16, 4

IDENTIFY, FENCE, MAP, TRACK, HARVEST, HARVEST_ACK = 0x01, 0x02, 0x10, 0x20, 0x22, 0x23
TRACK_SET, HARVEST_RECALL, HARVEST_CLEAR = 1, 1, 2

# Streams that the device sends, by the prefix of their ports: what they carry has to be known while they are valid, the
# handshake always.
STREAMS = {
    "s2m_ndr_": ["opcode", "tag"],
    "s2m_drs_": ["opcode", "tag", "poison", "data"],
    "s2m_bisnp_": ["opcode", "addr", "tag"],
    "m_axi_dram_aw": ["id", "addr", "len", "size", "burst"],
    "m_axi_dram_ar": ["id", "addr", "len", "size", "burst"],
    "m_axi_host_aw": ["id", "addr", "len", "size", "burst"],
    "m_axi_host_w": ["data", "strb", "last"],
    "m_axi_host_ar": ["id", "addr", "len", "size", "burst"],
    "s_axil_r": ["data", "resp"],
    "s_axil_b": ["resp"],
    "s_axi_r": ["id", "data", "resp", "last"],
    "s_axi_b": ["id", "resp"],
}
READIES = [
    "m2s_req_ready", "m2s_rwd_ready", "m2s_birsp_ready", "m_axi_dram_wvalid", "m_axi_dram_rready", "m_axi_dram_bready",
    "m_axi_host_rready", "m_axi_host_bready", "s_axil_awready", "s_axil_wready", "s_axil_arready", "s_axi_awready",
    "s_axi_wready", "s_axi_arready", "irq",
]


def pauses(rng, share):
    """An endless pause pattern: the share of cycles in which a channel stalls."""
    while True:
        yield rng.random() < share


class Device:
    """A device after reset, with a driver of its queues."""

    def __init__(self, dut, seed):
        self.dut, self.rng = dut, random.Random(seed)
        cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
        dut.rst.value = 1
        dut.flr.value = 0
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self.dram = AxiRam(AxiBus.from_prefix(dut, "m_axi_dram"), dut.clk, dut.rst, size=DRAM_BYTES)
        self.host = AxiRam(AxiBus.from_prefix(dut, "m_axi_host"), dut.clk, dut.rst, size=HOST_BYTES)
        for name in ("s_axil", "m_axi_dram", "m_axi_host", "s_axi"):
            logging.getLogger(f"cocotb.{dut._name}.{name}").setLevel(logging.WARNING)
        self.tail = self.head = self.cid = 0
        self.cycles = 0

    def stall(self, share):
        """Back-pressure on every channel of registers and memories."""
        for ram in (self.dram, self.host):
            for channel in (
                ram.write_if.aw_channel, ram.write_if.w_channel, ram.write_if.b_channel, ram.read_if.ar_channel,
                ram.read_if.r_channel,
            ):
                channel.set_pause_generator(pauses(random.Random(self.rng.random()), share))
        for channel in (
            self.registers.write_if.aw_channel, self.registers.write_if.w_channel, self.registers.write_if.b_channel,
            self.registers.read_if.ar_channel, self.registers.read_if.r_channel,
        ):
            channel.set_pause_generator(pauses(random.Random(self.rng.random()), share))

    async def start(self):
        """Reset, scrub, configuration."""
        await ClockCycles(self.dut.clk, 10)
        self.dut.rst.value = 0
        cocotb.start_soon(self.no_unknown())
        assert await self.read(0x000) == 0x4E4C4454, "ID"
        # The scrub takes a cycle per page of the largest window.
        while not await self.read(0x048) & 1:
            await ClockCycles(self.dut.clk, 1000)
        await self.write(0x050, WINDOW_BASE & 0xFFFF_FFFF)
        await self.write(0x054, WINDOW_BASE >> 32)
        await self.write(0x058, WINDOW_PAGES)
        await self.write(0x05C, FRAMES)
        await self.write(0x060, FRAMES)
        # Descriptors behind the spool; the tables are made once.
        await self.write(0x068, 2 * FRAMES)
        await self.write(0x06C, 1)
        while not await self.read(0x048) & 1 << 3:
            await ClockCycles(self.dut.clk, 100)
        await self.write(0x100, SQ)
        await self.write(0x108, CQ)
        await self.write(0x110, SIZE_LOG2 | SIZE_LOG2 << 8)
        await self.write(0x084, 0xF)
        await self.write(0x040, await self.read(0x040) | 1)

    async def no_unknown(self):
        """Fails on an X or Z that somebody could see, from the second cycle after reset on."""
        streams = []
        for prefix, fields in STREAMS.items():
            if hasattr(self.dut, prefix + "valid"):
                signals = [getattr(self.dut, prefix + field) for field in fields]
                streams.append((getattr(self.dut, prefix + "valid"), signals))
        always = [getattr(self.dut, name) for name in READIES if hasattr(self.dut, name)]
        always += [valid for valid, _ in streams]
        assert len(streams) >= 7, "the streams were not found by their names"
        await RisingEdge(self.dut.clk)
        while True:
            await RisingEdge(self.dut.clk)
            self.cycles += 1
            for signal in always:
                assert signal.value.is_resolvable, f"{signal._name} is {signal.value}"
            for valid, fields in streams:
                if valid.value == 1:
                    for field in fields:
                        assert field.value.is_resolvable, f"{field._name} is {field.value} while valid"

    async def read(self, offset):
        return int.from_bytes((await self.registers.read(offset, 4)).data, "little")

    async def write(self, offset, value):
        response = await self.registers.write(offset, value.to_bytes(4, "little"))
        assert response.resp == 0

    async def command(self, opcode, flags=0, page=0, count=0, arg=0, param=0):
        """Runs a command to its end; returns the eight words of its completion."""
        self.cid += 1
        words = [opcode | flags << 8 | self.cid << 16, page | count << 32, arg, param, 0, 0, 0, 0]
        self.host.write(SQ + 64 * self.tail, struct.pack("<8Q", *words))
        self.tail = (self.tail + 1) % (1 << SIZE_LOG2)
        await self.write(0x114, self.tail)
        slot, lap = self.head % (1 << SIZE_LOG2), self.head >> SIZE_LOG2
        for _ in range(200_000):
            done = struct.unpack("<8Q", self.host.read(CQ + 64 * slot, 64))
            if done[7] >> 56 & 1 == (lap + 1) & 1:
                break
            await ClockCycles(self.dut.clk, 10)
        else:
            raise AssertionError(f"command {opcode:#x} did not complete")
        self.head += 1
        await self.write(0x118, self.head % (1 << SIZE_LOG2))
        assert done[0] & 0xFFFF == self.cid, "another command was completed"
        return done

    async def ok(self, opcode, **operands):
        done = await self.command(opcode, **operands)
        assert done[0] >> 16 & 0xFF == 0, f"command {opcode:#x}: status {done[0] >> 16 & 0xFF:#x}"
        return done

    async def harvest(self, flags):
        """The lines that were written, as (page, line), and acknowledges."""
        done = await self.ok(HARVEST, flags=flags, count=WINDOW_PAGES, arg=RECORDS, param=WINDOW_PAGES)
        sequence, records = done[1] & 0xFFFF_FFFF, done[2] & 0xFFFF_FFFF
        lines = set()
        for at in range(records):
            low, mask = struct.unpack("<2Q", self.host.read(RECORDS + 16 * at, 16))
            assert low >> 32 == sequence, "a record of another result"
            lines |= {(low & 0xFFFF, line) for line in range(64) if mask >> line & 1}
        await self.ok(HARVEST_ACK, param=sequence)
        return lines

    async def every_register(self):
        """Reads every register of BAR0; writes those that software must not change, and finds them unchanged."""
        for offset in [0x000, 0x004, 0x008, 0x00C, 0x010, 0x020, 0x024, 0x04C, 0x11C, *range(0x200, 0x21C, 4)]:
            before = await self.read(offset)
            await self.write(offset, ~before & 0xFFFF_FFFF)
            assert await self.read(offset) == before, f"register {offset:#x} is not read-only"
        for offset in (0x044, 0x088, 0x0FC, 0xFFC):
            assert await self.read(offset) == 0, f"offset {offset:#x} reads as something"
        await self.write(0x088, 0b0100)
        assert await self.read(0x080) & 0b0100 and int(self.dut.irq.value) & 0b0100, "INTR_TEST raises nothing"
        await self.write(0x080, 0b0100)
        assert not await self.read(0x080) & 0b0100
        # A write with some byte enables off is ignored.
        before = await self.read(0x064)
        await self.registers.write(0x065, b"\x55")
        assert await self.read(0x064) == before
