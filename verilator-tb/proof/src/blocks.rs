// The blocks under proof: `name: type;`, one line each. The type must have a `Default`; pick small parameters, so that
// random inputs reach every corner. Shared by the build script and the library.

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
        }
    };
}
