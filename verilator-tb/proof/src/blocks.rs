// The blocks under proof: `name: type;`, one line each. The type must have a `Default`; pick small parameters, so that
// random inputs reach every corner. `, hint` names a function of `tests/hints` that makes inputs plausible where chance
// alone reaches little. Shared by the build script and the tests.

macro_rules! for_each_block {
    ($do:ident) => {
        $do! {
            fifo_of_2: Fifo<Bits<9>, 1>;
            fifo_of_4: Fifo<Bits<9>, 2>;
            lane_ram: LaneRam<24, 8, 3>;
            lut_ram: LutRam<Bits<70>, 3>;
            ram: Ram<Bits<70>, 3>;
            round_robin: RoundRobin<5>;
            skid: Skid<Bits<577>>;

            axi_burst: axi_burst::AxiBurst;
            axi_front: axi_front::AxiFront, answered_beats;
            coherence_snooper: coherence_snooper::CoherenceSnooper;
            colour_fence: colour_fence::ColourFence;
            command_executor: command_executor::CommandExecutor, commands;
            core: core::Core;
            csr: csr::Csr, registers;
            descriptor_pipeline: descriptor_pipeline::DescriptorPipeline, close_slots;
            gather: gather::Gather;
            host_port: host_port::HostPort;
            lowest_set: lowest_set::LowestSet;
            memory_port: memory_port::MemoryPort;
            range_walker: range_walker::RangeWalker;
            recall_context: recall_context::RecallContext;
            recall_engine: recall_engine::RecallEngine, recalls;
            resolve: resolve::Resolve;
            responder: responder::Responder;
            slot_arbiter: slot_arbiter::SlotArbiter;
            spool: spool::Spool, long_results;
            summary: summary::Summary;
            transpose: transpose::Transpose<192, 3>;
        }
    };
}
