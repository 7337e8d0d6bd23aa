"""tideline_axi_top: AxiMaster of cocotbext-axi is the host on `s_axi`: bursts, narrow and unaligned writes, many IDs."""

import os

import cocotb
from cocotbext.axi import AxiBus, AxiMaster
from device import (
    HARVEST_CLEAR,
    LINE,
    MAP,
    PAGE,
    TRACK,
    TRACK_SET,
    WINDOW_BASE,
    WINDOW_PAGES,
    Device,
    pauses,
)

SEED = int(os.environ.get("TIDELINE_SEED", "1"))


@cocotb.test()
async def a_day_of_the_device(dut):
    """Random writes and reads of any size and alignment against a plain byte array; harvests name exactly the lines."""
    device = Device(dut, SEED)
    rng = device.rng
    host = AxiMaster(AxiBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
    await device.start()
    await device.every_register()
    await device.ok(MAP, count=WINDOW_PAGES, arg=0)
    # Frames keep what they held: make it known.
    await host.write(WINDOW_BASE, bytes(WINDOW_PAGES * PAGE))
    await device.ok(TRACK, flags=TRACK_SET, count=WINDOW_PAGES)
    memory = bytearray(WINDOW_PAGES * PAGE)
    for epoch, share in enumerate([0.0, 0.3, 0.6]):
        device.stall(share)
        for channel in (
            host.write_if.aw_channel, host.write_if.w_channel, host.write_if.b_channel, host.read_if.ar_channel,
            host.read_if.r_channel,
        ):
            channel.set_pause_generator(pauses(rng, share))
        written = set()
        for _ in range(40):
            length = rng.choice([1, 2, 4, 7, 64, 64, 100, 640, 4096])
            at = rng.randrange(len(memory) - length)
            if rng.random() < 0.5:
                at -= at % 64
            size = rng.choice([0, 2, 3, 6, 6, 6]) if length <= 64 else 6
            data = rng.randbytes(length)
            done = await host.write(WINDOW_BASE + at, data, size=size)
            assert done.resp == 0
            memory[at : at + length] = data
            written |= {(b // PAGE, b % PAGE // LINE) for b in range(at, at + length)}
            back = rng.randrange(len(memory) - 256)
            size = rng.choice([3, 6, 6])
            assert (await host.read(WINDOW_BASE + back, 256, size=size)).data == memory[back : back + 256]
        # Several at once, with IDs of their own.
        places = rng.sample(range(0, len(memory), 512), 8)
        tasks = []
        for id, at in enumerate(places):
            data = rng.randbytes(512)
            memory[at : at + 512] = data
            written |= {(b // PAGE, b % PAGE // LINE) for b in range(at, at + 512)}
            tasks.append(cocotb.start_soon(host.write(WINDOW_BASE + at, data, awid=id)))
        for task in tasks:
            assert (await task).resp == 0
        reported = await device.harvest(HARVEST_CLEAR)
        assert reported == written, f"epoch {epoch}: missed {written - reported}, invented {reported - written}"
    assert (await host.read(WINDOW_BASE, len(memory))).data == memory
    assert device.dram.read(0, len(memory)) == memory, "device memory holds something else"
    dut._log.info("%d cycles", device.cycles)
