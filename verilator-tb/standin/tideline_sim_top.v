module tideline_sim_top (
  input wire clk,
  input wire rst,
  input wire flr,
  input wire m2s_req_valid,
  output reg m2s_req_ready,
  input wire [3:0] m2s_req_opcode,
  input wire [51:0] m2s_req_addr,
  input wire [15:0] m2s_req_tag,
  input wire [1:0] m2s_req_meta_field,
  input wire [1:0] m2s_req_meta_value,
  input wire [2:0] m2s_req_snp_type,
  input wire m2s_rwd_valid,
  output reg m2s_rwd_ready,
  input wire [3:0] m2s_rwd_opcode,
  input wire [51:0] m2s_rwd_addr,
  input wire [15:0] m2s_rwd_tag,
  input wire [1:0] m2s_rwd_meta_field,
  input wire [1:0] m2s_rwd_meta_value,
  input wire [2:0] m2s_rwd_snp_type,
  input wire [511:0] m2s_rwd_data,
  input wire [63:0] m2s_rwd_be,
  input wire m2s_birsp_valid,
  output reg m2s_birsp_ready,
  input wire [3:0] m2s_birsp_opcode,
  input wire [15:0] m2s_birsp_tag,
  output reg s2m_ndr_valid,
  input wire s2m_ndr_ready,
  output reg [2:0] s2m_ndr_opcode,
  output reg [15:0] s2m_ndr_tag,
  output reg s2m_drs_valid,
  input wire s2m_drs_ready,
  output reg [2:0] s2m_drs_opcode,
  output reg [15:0] s2m_drs_tag,
  output reg s2m_drs_poison,
  output reg [511:0] s2m_drs_data,
  output reg s2m_bisnp_valid,
  input wire s2m_bisnp_ready,
  output reg [3:0] s2m_bisnp_opcode,
  output reg [51:0] s2m_bisnp_addr,
  output reg [15:0] s2m_bisnp_tag,
  output reg [7:0] m_axi_dram_awid,
  output reg [37:0] m_axi_dram_awaddr,
  output reg [7:0] m_axi_dram_awlen,
  output reg [2:0] m_axi_dram_awsize,
  output reg [1:0] m_axi_dram_awburst,
  output reg m_axi_dram_awvalid,
  input wire m_axi_dram_awready,
  output reg [7:0] m_axi_dram_arid,
  output reg [37:0] m_axi_dram_araddr,
  output reg [7:0] m_axi_dram_arlen,
  output reg [2:0] m_axi_dram_arsize,
  output reg [1:0] m_axi_dram_arburst,
  output reg m_axi_dram_arvalid,
  input wire m_axi_dram_arready,
  output reg [511:0] m_axi_dram_wdata,
  output reg [63:0] m_axi_dram_wstrb,
  output reg m_axi_dram_wlast,
  output reg m_axi_dram_wvalid,
  input wire m_axi_dram_wready,
  input wire [7:0] m_axi_dram_bid,
  input wire [1:0] m_axi_dram_bresp,
  input wire m_axi_dram_bvalid,
  output reg m_axi_dram_bready,
  input wire [7:0] m_axi_dram_rid,
  input wire [511:0] m_axi_dram_rdata,
  input wire [1:0] m_axi_dram_rresp,
  input wire m_axi_dram_rlast,
  input wire m_axi_dram_rvalid,
  output reg m_axi_dram_rready,
  output reg [7:0] m_axi_host_awid,
  output reg [63:0] m_axi_host_awaddr,
  output reg [7:0] m_axi_host_awlen,
  output reg [2:0] m_axi_host_awsize,
  output reg [1:0] m_axi_host_awburst,
  output reg m_axi_host_awvalid,
  input wire m_axi_host_awready,
  output reg [7:0] m_axi_host_arid,
  output reg [63:0] m_axi_host_araddr,
  output reg [7:0] m_axi_host_arlen,
  output reg [2:0] m_axi_host_arsize,
  output reg [1:0] m_axi_host_arburst,
  output reg m_axi_host_arvalid,
  input wire m_axi_host_arready,
  output reg [511:0] m_axi_host_wdata,
  output reg [63:0] m_axi_host_wstrb,
  output reg m_axi_host_wlast,
  output reg m_axi_host_wvalid,
  input wire m_axi_host_wready,
  input wire [7:0] m_axi_host_bid,
  input wire [1:0] m_axi_host_bresp,
  input wire m_axi_host_bvalid,
  output reg m_axi_host_bready,
  input wire [7:0] m_axi_host_rid,
  input wire [511:0] m_axi_host_rdata,
  input wire [1:0] m_axi_host_rresp,
  input wire m_axi_host_rlast,
  input wire m_axi_host_rvalid,
  output reg m_axi_host_rready,
  input wire [11:0] s_axil_awaddr,
  input wire [2:0] s_axil_awprot,
  input wire s_axil_awvalid,
  output reg s_axil_awready,
  input wire [11:0] s_axil_araddr,
  input wire [2:0] s_axil_arprot,
  input wire s_axil_arvalid,
  output reg s_axil_arready,
  input wire [31:0] s_axil_wdata,
  input wire [3:0] s_axil_wstrb,
  input wire s_axil_wvalid,
  output reg s_axil_wready,
  output reg [1:0] s_axil_bresp,
  output reg s_axil_bvalid,
  input wire s_axil_bready,
  output reg [31:0] s_axil_rdata,
  output reg [1:0] s_axil_rresp,
  output reg s_axil_rvalid,
  input wire s_axil_rready,
  output reg [3:0] irq
);

// TEMPORARY stand-in until rtl::blocks::sim_top() exists: one line access at a time, identity mapped, 64 registers.
reg [31:0] regs [0:1023];
reg [15:0] scrub;
reg [2:0] st; reg [15:0] tag; reg aw_done, w_done, ndr_done, drs_done;
wire ready = scrub == 16'h0100;
reg aw_have; reg [11:0] awa; reg w_have; reg [31:0] wd;
always @* begin
  m2s_req_ready = st==0 && !m2s_rwd_valid; m2s_rwd_ready = st==0; m2s_birsp_ready = 1;
  s2m_bisnp_valid=0; s2m_bisnp_opcode=0; s2m_bisnp_addr=0; s2m_bisnp_tag=0;
  m_axi_dram_rready = st==2; m_axi_dram_bready = st==5;
  m_axi_dram_arvalid = st==1; m_axi_dram_awvalid = st==4 && !aw_done; m_axi_dram_wvalid = st==4 && !w_done;
  m_axi_dram_wlast=1; m_axi_dram_arid=tag[7:0]; m_axi_dram_awid=tag[7:0]; m_axi_dram_arlen=0; m_axi_dram_awlen=0;
  m_axi_dram_arsize=6; m_axi_dram_awsize=6; m_axi_dram_arburst=1; m_axi_dram_awburst=1;
  m_axi_host_awid=0; m_axi_host_awaddr=0; m_axi_host_awlen=0; m_axi_host_awsize=6; m_axi_host_awburst=1; m_axi_host_awvalid=0;
  m_axi_host_arid=0; m_axi_host_araddr=0; m_axi_host_arlen=0; m_axi_host_arsize=6; m_axi_host_arburst=1; m_axi_host_arvalid=0;
  m_axi_host_wdata=0; m_axi_host_wstrb=0; m_axi_host_wlast=0; m_axi_host_wvalid=0; m_axi_host_bready=1; m_axi_host_rready=1;
  s2m_ndr_valid = (st==3 || st==6) && !ndr_done; s2m_ndr_tag=tag; s2m_ndr_opcode=0;
  s2m_drs_valid = st==3 && !drs_done; s2m_drs_tag=tag; s2m_drs_opcode=0; s2m_drs_poison=0;
  s_axil_awready = !aw_have; s_axil_wready = !w_have; s_axil_arready = !s_axil_rvalid; irq = 0; s_axil_bresp=0; s_axil_rresp=0;
end
always @(posedge clk) begin
  case (st)
  0: if (m2s_rwd_valid) begin st<=4; tag<=m2s_rwd_tag; m_axi_dram_awaddr<=m2s_rwd_addr[37:0]; m_axi_dram_wdata<=m2s_rwd_data; m_axi_dram_wstrb<= m2s_rwd_opcode==1 ? ~64'b0 : m2s_rwd_be; aw_done<=0; w_done<=0; ndr_done<=0; end
     else if (m2s_req_valid) begin st<= m2s_req_opcode==1||m2s_req_opcode==2 ? 1 : 6; tag<=m2s_req_tag; m_axi_dram_araddr<=m2s_req_addr[37:0]; ndr_done<=0; drs_done<=0; end
  1: if (m_axi_dram_arready) st<=2;
  2: if (m_axi_dram_rvalid) begin st<=3; s2m_drs_data<=m_axi_dram_rdata; end
  3: begin if (s2m_ndr_ready) ndr_done<=1; if (s2m_drs_ready) drs_done<=1; if ((ndr_done||s2m_ndr_ready)&&(drs_done||s2m_drs_ready)) st<=0; end
  4: begin if (m_axi_dram_awready) aw_done<=1; if (m_axi_dram_wready) w_done<=1; if ((aw_done||m_axi_dram_awready)&&(w_done||m_axi_dram_wready)) st<=5; end
  5: if (m_axi_dram_bvalid) st<=6;
  default: if (s2m_ndr_ready) st<=0;
  endcase
  if (!ready) scrub<=scrub+1;
  if (s_axil_awvalid&&s_axil_awready) begin aw_have<=1; awa<=s_axil_awaddr; end
  if (s_axil_wvalid&&s_axil_wready) begin w_have<=1; wd<=s_axil_wdata; end
  if (aw_have&&w_have&&!s_axil_bvalid) begin regs[awa[11:2]]<=wd; s_axil_bvalid<=1; end
  if (s_axil_bvalid&&s_axil_bready) begin s_axil_bvalid<=0; aw_have<=0; w_have<=0; end
  if (s_axil_arvalid&&s_axil_arready) begin s_axil_rvalid<=1; s_axil_rdata<= s_axil_araddr==12'h48 ? {31'b0,ready} : regs[s_axil_araddr[11:2]]; end
  if (s_axil_rvalid&&s_axil_rready) s_axil_rvalid<=0;
  if (rst) begin st<=0; scrub<=0; aw_have<=0; w_have<=0; s_axil_bvalid<=0; s_axil_rvalid<=0; end
end
endmodule
