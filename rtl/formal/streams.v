// Handshakes: every stream that the device sends is stable, both AXI managers, the AXI-Lite subordinate and the three
// CXL channels to the host. The bursts of the managers are single beats, and B and R are always accepted.
//
// Free: every input of the device, and what the queues, tables and command blocks behind the ports do.
module streams (
    input clk, input rst,
    input dram_awready, input dram_wready, input dram_arready,
    input host_awready, input host_wready, input host_arready,
    input bready, input rready, input ndr_ready, input drs_ready, input bisnp_ready
);
    wire dram_awvalid, dram_wvalid, dram_arvalid, dram_wlast, dram_bready, dram_rready;
    wire [7:0] dram_awid, dram_awlen, dram_arid, dram_arlen;
    wire [37:0] dram_awaddr, dram_araddr;
    wire [511:0] dram_wdata;
    wire [63:0] dram_wstrb;
    wire host_awvalid, host_wvalid, host_arvalid, host_wlast, host_bready, host_rready;
    wire [7:0] host_awid, host_awlen, host_arid, host_arlen;
    wire [63:0] host_awaddr, host_araddr;
    wire [511:0] host_wdata;
    wire [63:0] host_wstrb;
    wire bvalid, rvalid, ndr_valid, drs_valid, drs_poison, bisnp_valid;
    wire [1:0] bresp, rresp;
    wire [31:0] rdata;
    wire [2:0] ndr_opcode, drs_opcode;
    wire [3:0] bisnp_opcode;
    wire [15:0] ndr_tag, drs_tag, bisnp_tag;
    wire [511:0] drs_data;
    wire [51:0] bisnp_addr;
    wire [39:0] window_base;

    tideline_core device (
        .clk(clk), .rst(rst),
        .m_axi_dram_awvalid(dram_awvalid), .m_axi_dram_awready(dram_awready), .m_axi_dram_awid(dram_awid),
        .m_axi_dram_awaddr(dram_awaddr), .m_axi_dram_awlen(dram_awlen),
        .m_axi_dram_wvalid(dram_wvalid), .m_axi_dram_wready(dram_wready), .m_axi_dram_wdata(dram_wdata),
        .m_axi_dram_wstrb(dram_wstrb), .m_axi_dram_wlast(dram_wlast),
        .m_axi_dram_arvalid(dram_arvalid), .m_axi_dram_arready(dram_arready), .m_axi_dram_arid(dram_arid),
        .m_axi_dram_araddr(dram_araddr), .m_axi_dram_arlen(dram_arlen),
        .m_axi_dram_bready(dram_bready), .m_axi_dram_rready(dram_rready),
        .m_axi_host_awvalid(host_awvalid), .m_axi_host_awready(host_awready), .m_axi_host_awid(host_awid),
        .m_axi_host_awaddr(host_awaddr), .m_axi_host_awlen(host_awlen),
        .m_axi_host_wvalid(host_wvalid), .m_axi_host_wready(host_wready), .m_axi_host_wdata(host_wdata),
        .m_axi_host_wstrb(host_wstrb), .m_axi_host_wlast(host_wlast),
        .m_axi_host_arvalid(host_arvalid), .m_axi_host_arready(host_arready), .m_axi_host_arid(host_arid),
        .m_axi_host_araddr(host_araddr), .m_axi_host_arlen(host_arlen),
        .m_axi_host_bready(host_bready), .m_axi_host_rready(host_rready),
        .s_axil_bvalid(bvalid), .s_axil_bready(bready), .s_axil_bresp(bresp),
        .s_axil_rvalid(rvalid), .s_axil_rready(rready), .s_axil_rdata(rdata), .s_axil_rresp(rresp),
        .s2m_ndr_valid(ndr_valid), .s2m_ndr_ready(ndr_ready), .s2m_ndr_opcode(ndr_opcode), .s2m_ndr_tag(ndr_tag),
        .s2m_drs_valid(drs_valid), .s2m_drs_ready(drs_ready), .s2m_drs_opcode(drs_opcode), .s2m_drs_tag(drs_tag),
        .s2m_drs_poison(drs_poison), .s2m_drs_data(drs_data),
        .s2m_bisnp_valid(bisnp_valid), .s2m_bisnp_ready(bisnp_ready), .s2m_bisnp_opcode(bisnp_opcode),
        .s2m_bisnp_addr(bisnp_addr), .s2m_bisnp_tag(bisnp_tag),
        .\recall.window_base (window_base)
    );

    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);
    // Software writes WINDOW_BASE before it enables the device, not while snoops are under way.
    always @(posedge clk) if (started) assume ($stable(window_base));

    stable #(54) dram_aw (clk, rst, dram_awvalid, dram_awready, {dram_awid, dram_awaddr, dram_awlen});
    stable #(577) dram_w (clk, rst, dram_wvalid, dram_wready, {dram_wdata, dram_wstrb, dram_wlast});
    stable #(54) dram_ar (clk, rst, dram_arvalid, dram_arready, {dram_arid, dram_araddr, dram_arlen});
    stable #(80) host_aw (clk, rst, host_awvalid, host_awready, {host_awid, host_awaddr, host_awlen});
    stable #(577) host_w (clk, rst, host_wvalid, host_wready, {host_wdata, host_wstrb, host_wlast});
    stable #(80) host_ar (clk, rst, host_arvalid, host_arready, {host_arid, host_araddr, host_arlen});
    stable #(2) axil_b (clk, rst, bvalid, bready, bresp);
    stable #(34) axil_r (clk, rst, rvalid, rready, {rdata, rresp});
    stable #(19) ndr (clk, rst, ndr_valid, ndr_ready, {ndr_opcode, ndr_tag});
    stable #(532) drs (clk, rst, drs_valid, drs_ready, {drs_opcode, drs_tag, drs_poison, drs_data});
    stable #(72) bisnp (clk, rst, bisnp_valid, bisnp_ready, {bisnp_opcode, bisnp_addr, bisnp_tag});

    always @(posedge clk) if (started && !rst) begin
        assert (dram_bready && dram_rready && host_bready && host_rready);
        assert (dram_wlast && host_wlast && dram_awlen == 0 && host_awlen == 0 && dram_arlen == 0 && host_arlen == 0);
    end
endmodule
