; The fast path of a message to a dispatcher of this core that waits for one.
;
; SYS_LMP_SEND with LMP_WAIT, without a capability: the eight words never leave
; their registers.  All is checked before the line marked "commit"; whatever does
; not fit goes back to entry_syscall_frame with every register as it came, and
; kernel/core/lmp.c does or refuses it.  It must do what message_direct() there
; does.  No stack is used (rsp is the user's): nothing in here can fault, since
; only this core's private data and objects behind valid capabilities are read.
; Offsets and constants are asserted in trap.c.

bits 64
%include "kernel/x86/macros.inc"

constants LMP_CAP, 0x10, LMP_WAIT, 0x40, LMP_YIELD, 0x80, LMP_WORDS, 8, LENGTH_MASK, 0xf
; a capability's type, rights, bits, flags as one word: what counts, and its value. READ on a
; cnode, WRITE on an endpoint; not CLEARING, not FOREIGN
constants CNODE_MASK, 0x06ff01ff, CNODE_VALUE, 0x000e0104
constants ENDPOINT_MASK, 0x060002ff, ENDPOINT_VALUE, 0x0000020a
constants CAP_BASE, 8, CAP_BADGE, 16, CAP_SLOT_BITS, 6, WINDOW_BASE, 0xffff800000000000
; struct dispatcher
constants RUN_NEXT, 0, RUN_PREV, 8, D_PAGE, 16, D_PAGE_VA, 24, D_VSPACE, 32, D_STATE, 40, D_CSPACE_SLOTS, 304
constants D_CSPACE_COUNT, 312, D_DEADLINE, 344, D_CYCLES, 400, D_SINCE, 408, D_BYTES, 8192
constants DISP_RUNNABLE, 1, DISP_WAITING, 2
; struct endpoint, struct lmp_ring, struct dispatcher_page
constants EP_RING, 0, EP_PRODUCED, 12, RING_CONSUMED, 0
constants P_DISABLED, 0, P_MESSAGE, 24, P_STACK, 48, P_EVENTS, 56
; enum kernel_stat, in bytes
constants COUNT_SWITCHES, 3 * 8, COUNT_LMP, 5 * 8

extern current, kernel_count, loaded_root, fpu_initial, user_fresh_ok, entry_syscall_frame
global message_fast

section .bss
alignb 8
saved_rbx: resq 1
saved_rbp: resq 1
saved_rdi: resq 1

section .text

; rdi = endpoint's address, rsi = header; rdx, r10, r8, r9, r12-r15 = words.
align 16
message_fast:
	mov [saved_rbx], rbx
	mov [saved_rbp], rbp
	mov [saved_rdi], rdi
	cmp byte [user_fresh_ok], 0
	je .slow
	mov eax, esi
	and eax, LMP_CAP | LMP_WAIT | LMP_YIELD
	cmp eax, LMP_WAIT
	jne .slow
	mov eax, esi
	and eax, LENGTH_MASK
	cmp eax, LMP_WORDS
	ja .slow

	; the endpoint's capability: slot in rbx
	mov rbp, [current]
	mov rax, rdi
	shr rax, 8
	cmp rax, [rbp + D_CSPACE_COUNT]
	jae .slow
	shl rax, CAP_SLOT_BITS
	add rax, [rbp + D_CSPACE_SLOTS]
	mov ebx, [rax]
	and ebx, CNODE_MASK
	cmp ebx, CNODE_VALUE
	jne .slow
	mov rbx, WINDOW_BASE
	add rbx, [rax + CAP_BASE]
	movzx edi, dil
	shl edi, CAP_SLOT_BITS
	add rbx, rdi
	mov eax, [rbx]
	and eax, ENDPOINT_MASK
	cmp eax, ENDPOINT_VALUE
	jne .slow
	mov rax, WINDOW_BASE
	add rax, [rbx + CAP_BASE]
	mov rbx, [rbx + CAP_BADGE]

	; rax = endpoint, rbx = badge, rbp = sender. It may sleep, and nothing is queued.
	mov rdi, [rbp + D_PAGE]
	cmp qword [rdi + P_EVENTS], 0
	jne .slow
	mov rdi, [rax + EP_RING]
	test rdi, rdi
	jz .slow
	mov edi, [rdi + RING_CONSUMED]
	cmp edi, [rax + EP_PRODUCED]
	jne .slow
	mov rdi, rax
	and rdi, -D_BYTES
	cmp dword [rdi + D_STATE], DISP_WAITING
	jne .slow
	cmp qword [rdi + D_DEADLINE], 0
	jne .slow

	; commit. rdi = receiver; it takes the sender's place in the run queue.
	shl eax, 2
	and eax, 0x3f00 ; endpoint's index
	and esi, LENGTH_MASK
	or esi, eax
	mov dword [rdi + D_STATE], DISP_RUNNABLE
	mov dword [rbp + D_STATE], DISP_WAITING
	mov rax, [rbp + RUN_NEXT]
	mov [rdi + RUN_NEXT], rax
	mov [rax + RUN_PREV], rdi
	mov rax, [rbp + RUN_PREV]
	mov [rdi + RUN_PREV], rax
	mov [rax + RUN_NEXT], rdi
	mov qword [rbp + RUN_NEXT], 0
	mov [current], rdi
	inc qword [kernel_count + COUNT_LMP]
	inc qword [kernel_count + COUNT_SWITCHES]
	mov r11, rdx
	rdtsc
	shl rdx, 32
	or rax, rdx
	mov [rdi + D_SINCE], rax
	sub rax, [rbp + D_SINCE]
	add [rbp + D_CYCLES], rax

	; the receiver's space, and what of the processor's state no word is in
	mov rax, [rdi + D_VSPACE]
	cmp rax, [loaded_root]
	je .loaded
	mov [loaded_root], rax
	mov cr3, rax
.loaded:
	mov eax, -1
	mov edx, eax
	xrstor64 [fpu_initial]
	mov rdx, r11
	mov rax, [rdi + D_PAGE_VA]
	wrgsbase rax
	mov rbp, [rdi + D_PAGE]
	mov rdi, rbx
	xor ebx, ebx
	wrfsbase rbx
	mov qword [rbp + P_DISABLED], 1
	mov rsp, [rbp + P_STACK]
	mov rcx, [rbp + P_MESSAGE]
	mov rax, rcx
	shr rax, 47
	jnz .beyond
.checked:
	mov r11d, USER_FLAGS
	xor ebp, ebp
	o64 sysret
.beyond:
	xor eax, eax
	xor ecx, ecx
	jmp .checked

.slow:
	mov rbx, [saved_rbx]
	mov rbp, [saved_rbp]
	mov rdi, [saved_rdi]
	mov eax, SYS_LMP_SEND
	jmp entry_syscall_frame

section .note.GNU-stack noalloc noexec nowrite progbits
