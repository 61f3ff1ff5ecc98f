// SPDX-License-Identifier: GPL-2.0-only
/* The 16550A: registers, interrupts, FIFO, flow control, as a driver sees it. */
#include <linux/serial_reg.h>

#include "ktap.h"

#include "vmm_board.h"

static struct {
	char sent[256];
	unsigned int nr_sent;
	const char *input;
	size_t input_len;
	bool line;
	unsigned int edges;
} far;

static struct serial *uart;

static void far_irq(void *opaque, bool level)
{
	(void)opaque;
	if (level && !far.line)
		far.edges++;
	far.line = level;
}

static void far_send(void *opaque, u8 byte)
{
	(void)opaque;
	if (far.nr_sent < sizeof(far.sent))
		far.sent[far.nr_sent++] = byte;
}

static bool far_receive(void *opaque, u8 *byte)
{
	(void)opaque;
	if (!far.input_len)
		return false;
	*byte = *far.input++;
	far.input_len--;
	return true;
}

static const struct serial_ops far_ops = {
	.irq = far_irq, .send = far_send, .receive = far_receive,
};

static u8 get(unsigned int reg)
{
	u8 v = 0xaa;

	serial_access(uart, reg, &v, 1, false);
	return v;
}

static void set(unsigned int reg, u8 v)
{
	serial_access(uart, reg, &v, 1, true);
}

static void start(const char *input, size_t len)
{
	far.input = input;
	far.input_len = len;
	uart = serial_new(&far_ops, NULL);
}

TEST(reset_state)
{
	start(NULL, 0);
	CHECK_EQ(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	CHECK_EQ(get(UART_IER), 0);
	CHECK_EQ(get(UART_IIR), UART_IIR_NO_INT);
	CHECK_EQ(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	CHECK(!far.line);
}

TEST(divisor_latch_hides_data)
{
	start(NULL, 0);
	set(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	set(UART_DLL, 1);
	set(UART_DLM, 2);
	CHECK_EQ(get(UART_DLL), 1);
	CHECK_EQ(get(UART_DLM), 2);
	CHECK_EQ(far.nr_sent, 0);
	set(UART_LCR, UART_LCR_WLEN8);
	CHECK_EQ(get(UART_IER), 0);
	set(UART_TX, 'x');
	CHECK_EQ(far.nr_sent, 1);
	CHECK_EQ(far.sent[0], 'x');
}

/* The steps by which drivers tell a 16550A from its relatives. */
TEST(probes_as_16550a)
{
	start(NULL, 0);
	set(UART_IER, 0xff);
	CHECK_EQ(get(UART_IER), 0x0f);
	set(UART_IER, 0);
	set(UART_SCR, 0x5a);
	CHECK_EQ(get(UART_SCR), 0x5a);
	CHECK_EQ(get(UART_IIR) >> 6, 0);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	CHECK_EQ(get(UART_IIR) >> 6, 3);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	CHECK_EQ(get(UART_IIR) >> 5, 6);	/* no 64-byte FIFO */
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	CHECK_EQ(get(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1 | UART_MCR_DTR);
	CHECK_EQ(get(UART_MSR) & 0xf0, UART_MSR_RI | UART_MSR_DSR);
	set(UART_MCR, 0);
	CHECK_EQ(get(UART_MSR) & 0xf0,
		 UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
}

TEST(transmitter_interrupt)
{
	start(NULL, 0);
	set(UART_MCR, UART_MCR_OUT2);
	set(UART_IER, UART_IER_THRI);
	CHECK(far.line);
	CHECK_EQ(get(UART_IIR), UART_IIR_THRI);
	CHECK(!far.line);			/* reading IIR took it back */
	CHECK_EQ(get(UART_IIR), UART_IIR_NO_INT);
	set(UART_TX, 'a');
	CHECK(far.line);
	CHECK_EQ(far.edges, 2);
	set(UART_IER, 0);
	CHECK(!far.line);
	CHECK_EQ(get(UART_IIR), UART_IIR_NO_INT);
	set(UART_IER, UART_IER_THRI);		/* enabling it raises it anew */
	CHECK_EQ(get(UART_IIR), UART_IIR_THRI);
}

TEST(out2_gates_the_line)
{
	start(NULL, 0);
	set(UART_IER, UART_IER_THRI);
	CHECK(!far.line);
	set(UART_MCR, UART_MCR_OUT2);
	CHECK(far.line);
	set(UART_MCR, 0);
	CHECK(!far.line);
}

TEST(receiver_waits_for_the_driver)
{
	start("hello", 5);
	serial_poll(uart);
	CHECK_EQ(get(UART_LSR) & UART_LSR_DR, 0);
	/* What a driver does to get a clean start must eat nothing. */
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR |
	    UART_FCR_CLEAR_XMIT);
	set(UART_FCR, 0);
	get(UART_RX);
	get(UART_RX);
	CHECK_EQ(far.input_len, 5);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	CHECK_EQ(far.input_len, 5);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_RTS);
	CHECK_EQ(get(UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	CHECK_EQ(get(UART_RX), 'h');
	CHECK_EQ(get(UART_RX), 'e');
	CHECK_EQ(get(UART_RX), 'l');
	CHECK_EQ(get(UART_RX), 'l');
	CHECK_EQ(get(UART_RX), 'o');
	CHECK_EQ(get(UART_LSR) & UART_LSR_DR, 0);
}

/* Linux switches receive interrupts on before the FIFO. */
TEST(switching_the_fifo_keeps_input)
{
	start("abc", 3);
	set(UART_IER, 0x0f);			/* a probe, not a reader */
	CHECK_EQ(get(UART_LSR) & UART_LSR_DR, 0);
	set(UART_IER, UART_IER_RDI);
	set(UART_MCR, UART_MCR_OUT2);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	set(UART_FCR, 0);
	CHECK_EQ(get(UART_RX), 'a');
	CHECK_EQ(get(UART_RX), 'b');
	CHECK_EQ(get(UART_RX), 'c');
	CHECK_EQ(get(UART_LSR) & UART_LSR_DR, 0);
}

TEST(receiver_interrupts)
{
	start("0123456789abcdefghijkl", 22);
	set(UART_MCR, UART_MCR_OUT2);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_14);
	set(UART_IER, UART_IER_RDI);
	CHECK(far.line);
	CHECK_EQ(far.input_len, 6);		/* the FIFO holds 16 */
	CHECK_EQ(get(UART_IIR) & 0x0f, UART_IIR_RDI);
	while (far.input_len)
		get(UART_RX);
	get(UART_RX);
	get(UART_RX);
	get(UART_RX);
	CHECK_EQ(get(UART_IIR) & 0x0f, UART_IIR_RX_TIMEOUT);
	while (get(UART_LSR) & UART_LSR_DR)
		get(UART_RX);
	CHECK(!far.line);
	far.input = "z";
	far.input_len = 1;
	serial_poll(uart);
	CHECK(far.line);
	CHECK_EQ(get(UART_RX), 'z');
	CHECK(!far.line);
}

TEST(without_fifo_one_byte)
{
	start("ab", 2);
	set(UART_MCR, UART_MCR_RTS);
	CHECK_EQ(far.input_len, 1);
	CHECK_EQ(get(UART_RX), 'a');
	CHECK_EQ(get(UART_RX), 'b');
}

TEST(loopback_data_and_overrun)
{
	unsigned int i;

	start(NULL, 0);
	set(UART_FCR, UART_FCR_ENABLE_FIFO);
	set(UART_MCR, UART_MCR_LOOP);
	for (i = 0; i < 16; i++)
		set(UART_TX, 'A' + i);
	CHECK_EQ(get(UART_LSR) & UART_LSR_OE, 0);
	set(UART_TX, '!');
	set(UART_IER, UART_IER_RLSI | UART_IER_RDI);
	CHECK_EQ(get(UART_IIR) & 0x0f, UART_IIR_RLSI);
	CHECK_EQ(get(UART_LSR) & UART_LSR_OE, UART_LSR_OE);
	CHECK_EQ(get(UART_LSR) & UART_LSR_OE, 0);
	CHECK_EQ(get(UART_RX), 'A');
	CHECK_EQ(far.nr_sent, 0);
	set(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	CHECK_EQ(get(UART_LSR) & UART_LSR_DR, 0);
}

TEST(modem_deltas)
{
	start(NULL, 0);
	set(UART_MCR, UART_MCR_LOOP);
	CHECK_EQ(get(UART_MSR), UART_MSR_DDCD | UART_MSR_DDSR | UART_MSR_DCTS);
	CHECK_EQ(get(UART_MSR), 0);
	set(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	CHECK_EQ(get(UART_MSR), UART_MSR_RI);	/* its leading edge: no delta */
	set(UART_MCR, UART_MCR_LOOP);
	CHECK_EQ(get(UART_MSR), UART_MSR_TERI);
}
