/*
 * 16550 UART at COM1.  Names as in the National Semiconductor PC16550D data sheet.
 *
 * The interrupt is masked by the CPU driver at each delivery.  It is edge
 * triggered, so the order is: unmask, then serve until the device has nothing
 * left; whatever comes during that raises an edge of its own, and nothing is lost.
 */
#include "services/console/uart.h"

#include "kernel/abi/error.h"
#include "libos/core/dispatcher.h"
#include "libos/core/invoke.h"
#include "libos/x86/barrier.h"
#include "libos/x86/context.h"

#define COM1 0x3f8
#define COM1_IRQ 4
#define FIFO_BYTES 16

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7 };
enum { IER_ERBFI = 1, IER_ETBEI = 2 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RECEIVE = 2, FCR_TRIGGER_1 = 0 };
enum { LCR_8_BITS = 3, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT2 = 8 }; /* OUT2 lets the interrupt out of the device */
enum { LSR_DR = 1, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { DIVISOR_115200 = 1 };

struct event uart_event = EVENT_INIT;
static bool present;
static cptr_t notification;

static void out(unsigned reg, uint32_t value) { io_out(TASK_IOPORT, COM1 + reg, 1, value); }

static uint32_t in(unsigned reg)
{
	uint32_t value = 0xff;

	io_in(TASK_IOPORT, COM1 + reg, 1, &value);
	return value;
}

/* A register that keeps what is written to it is there only if the device is. */
static bool probe(void)
{
	out(SCR, 0x5a);
	if (in(SCR) != 0x5a)
		return false;
	out(SCR, 0xa5);
	return in(SCR) == 0xa5;
}

static void registers_init(void)
{
	out(IER, 0);
	out(LCR, LCR_DLAB | LCR_8_BITS);
	out(DLL, DIVISOR_115200);
	out(DLM, 0);
	out(LCR, LCR_8_BITS);
	out(FCR, FCR_ENABLE | FCR_TRIGGER_1);
	out(MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

err_t uart_init(void)
{
	err_t err;

	if (!probe())
		return ERR_NOT_FOUND;
	present = true;
	registers_init();
	err = notification_create(event_handle, &uart_event, &notification, NULL);
	if (!err)
		err = irq_bind(TASK_IRQ, notification, COM1_IRQ);
	if (err)
		return err;
	uart_acknowledge();
	out(IER, IER_ERBFI);
	return 0;
}

void uart_acknowledge(void)
{
	if (present)
		irq_ack(TASK_IRQ, COM1_IRQ);
}

bool uart_read(char *c)
{
	if (!present || !(in(LSR)&LSR_DR))
		return false;
	*c = (char)in(RBR);
	return true;
}

size_t uart_write(const char *text, size_t length)
{
	size_t done = 0;

	if (!present)
		return length;
	while (done < length && (in(LSR)&LSR_THRE)) {
		size_t end = length - done < FIFO_BYTES ? length : done + FIFO_BYTES;

		while (done < end)
			out(THR, (uint8_t)text[done++]);
	}
	return done;
}

void uart_finish(void)
{
	/* A full FIFO at this speed takes less than 2 ms; a device that never says so must not keep the power on. */
	cycles_t end = context_now() + dispatcher_tsc_hz() / 100;

	while (present && !(in(LSR)&LSR_TEMT) && context_now() < end)
		cpu_pause();
}

void uart_want_room(bool want)
{
	static bool wanted;

	if (present && want != wanted)
		out(IER, IER_ERBFI | (want ? IER_ETBEI : 0));
	wanted = want;
}
