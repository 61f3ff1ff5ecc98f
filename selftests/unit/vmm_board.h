/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM without a hypervisor: the parts of userspace/ that unit tests link,
 * with stand-ins for what they call.
 */
#ifndef VMM_BOARD_H
#define VMM_BOARD_H

#include <setjmp.h>

#include "../../userspace/vmm.h"

/* die() as a value: the message if the expression ended in die(), else NULL. */
#define DIES(expr)					\
	({						\
		board_dying = true;			\
		if (!setjmp(board_die)) {		\
			expr;				\
			board_message[0] = 0;		\
		}					\
		board_dying = false;			\
		board_message[0] ? board_message : NULL; \
	})

extern jmp_buf board_die;
extern volatile bool board_dying;
extern char board_message[512];
extern int board_status;		/* vm_stop()'s, -1 if not called */

/* A VM with `memory` bytes of RAM and an empty bus. */
struct vm *board_new(u64 memory);

u32 board_in(struct vm *vm, u16 port, unsigned int len);
void board_out(struct vm *vm, u16 port, u32 value, unsigned int len);

/* A temporary file with these bytes; its path. */
const char *board_file(const void *data, size_t len);

#endif
