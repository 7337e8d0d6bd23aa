// The blocks under proof: `name: type;`, one line each. The type must have a `Default`; pick small parameters, so that
// random inputs reach every corner. `, hint` names a function of `tests/hints` that makes inputs plausible where chance
// alone reaches little. Shared by the build script and the tests.

macro_rules! for_each_block {
    ($do:ident) => {
        $do! {
            cam: Cam<Bits<3>, 3, 8>;
            fifo_of_2: Fifo<Bits<9>, 1>;
            fifo_of_4: Fifo<Bits<9>, 2>;
            lane_ram: LaneRam<24, 8, 3>;
            lut_ram: LutRam<Bits<70>, 3>;
            ram_fifo: RamFifo<Bits<70>, 2>;
            ram: Ram<Bits<70>, 3>;
            round_robin: RoundRobin<5>;
            skid: Skid<Bits<577>>;

            axi_burst: axi_burst::AxiBurst;
            axi_front: axi_front::AxiFront, answered_beats;
            coherence_snooper: coherence_snooper::CoherenceSnooper<2>;
            colour_fence: colour_fence::ColourFence;
            command_executor: command_executor::CommandExecutor, commands;
            core: core::Core<2, 2, { 2 * types::TAG_ENTRY_BITS }, 3>;
            csr: csr::Csr, registers;
            descriptor_pipeline: descriptor_pipeline::DescriptorPipeline<2, 2, { 2 * types::TAG_ENTRY_BITS }, 3>, close_slots;
            host_port: host_port::HostPort;
            lane_select: lane_select::LaneSelect;
            line_quads: line_quads::LineQuads;
            log_ring: log_ring::LogRing, log;
            lowest_set: lowest_set::LowestSet;
            memory_port: memory_port::MemoryPort;
            miss_entries: miss_entries::MissEntries;
            miss_unit: miss_unit::MissUnit<2>, misses;
            one_hot: one_hot::OneHot;
            page_list: page_list::PageList;
            plain_path: plain_path::PlainPath;
            range_walker: range_walker::RangeWalker;
            recall_engine: recall_engine::RecallEngine, recalls;
            recall_table: recall_table::RecallTable, pages;
            region_lookup: region_lookup::RegionLookup, regions_of_a_queue;
            region_table: region_table::RegionTable, regions;
            resolve: resolve::Resolve;
            row_update: row_update::RowUpdate;
            responder: responder::Responder;
            slot_arbiter: slot_arbiter::SlotArbiter<2>;
            slot_gate: slot_gate::SlotGate<2>;
            slot_pick: slot_pick::SlotPick;
            snoop_picker: snoop_picker::SnoopPicker;
            spool: spool::Spool, long_results;
            summary: summary::Summary;
            row_address: ways::RowAddress<2, 4, 4>;
            tag_match: ways::TagMatch<{ 4 * types::TAG_ENTRY_BITS }, 4>;
            tag_pick: ways::TagPick<{ 4 * types::TAG_ENTRY_BITS }, 4>;
            tag_spread: ways::TagSpread<{ 4 * types::TAG_ENTRY_BITS }, 4>;
            transpose: transpose::Transpose<192, 3>;
        }
    };
}
