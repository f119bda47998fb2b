; Switching between threads, entering and leaving the dispatcher.
;
; A saved context is, from rsp up: mxcsr and x87 control word, r15, r14, r13,
; r12, rbx, rbp, return address.  The thread pointer (fs base) of a thread is the
; address of its control block.  Everything here runs in disabled mode; addresses
; of the dispatcher page are absolute, since it is at one place in all processes.

bits 64
default rel

; struct dispatcher_page at DISPATCHER_VA; thread.c asserts these
PAGE_DISABLED equ 0x200000
PAGE_EVENTS   equ 0x200038
PAGE_CURRENT  equ 0x200070

; struct thread
THREAD_RSP equ 8

; struct lmp_endpoint and struct lmp_message
EP_WAITER  equ 0
EP_BUFFER  equ 8
EP_RING    equ 16
EP_HOLD    equ 88
MSG_BADGE  equ 0
MSG_HEADER equ 8
MSG_WORDS  equ 16
MSG_BYTES  equ 128
LMP_BYTES  equ 64
RING_PRODUCED equ 8

SYS_LMP_SEND equ 2
SYS_YIELD    equ 3
SYS_WAIT     equ 4
LMP_WAIT     equ 0x40

global context_switch, context_load, context_wait, context_sleep, context_yield, context_part, context_call
global context_leave, lmp_call
global upcall_run, upcall_message, upcall_fault, upcall_within, upcall_trap, member_start
extern libos_join, dispatcher_run, dispatcher_fault, dispatcher_within, dispatcher_trap, lmp_upcall_unclaimed
extern thread_resume, thread_ready, thread_special, sleep_first, lmp_endpoints, lmp_call_slow, dispatcher_catch_up

%macro context_push 0
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	sub rsp, 8
	stmxcsr [rsp]
	fnstcw [rsp + 4]
%endmacro

; Saves the caller's context into the thread at rdi.
%macro context_save 0
	context_push
	mov [rdi + THREAD_RSP], rsp
%endmacro

; Goes on where rsp's context was saved.
%macro context_restore 0
	ldmxcsr [rsp]
	fldcw [rsp + 4]
	add rsp, 8
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret
%endmacro

section .text

; The first run upcall of a member on another core: its stack is where its struct member_start lies.
align 16
member_start:
	xor ebp, ebp
	mov rdi, rsp
	call libos_join
	ud2

; err_t context_switch(struct thread *from, struct thread *to)
align 16
context_switch:
	context_save
	mov rdi, rsi

; void context_load(struct thread *to). A zero rsp: preempted, registers are elsewhere.
context_load:
	mov [abs PAGE_CURRENT], rdi
	mov rax, [rdi + THREAD_RSP]
	test rax, rax
	jz .preempted
	mov rsp, rax
	wrfsbase rdi
	xor eax, eax
	context_restore
.preempted:
	and rsp, -16
	call thread_resume

; err_t context_wait(struct thread *from, cycles_t deadline)
align 16
context_wait:
	context_save
	mov rdi, rsi

; void context_sleep(cycles_t deadline)
context_sleep:
	mov qword [abs PAGE_CURRENT], 0
	mov eax, SYS_WAIT
	syscall
	ud2

; err_t context_yield(struct thread *from)
context_yield:
	context_save
	mov qword [abs PAGE_CURRENT], 0
	mov eax, SYS_YIELD
	syscall
	ud2

; err_t context_part(struct thread *from, cptr_t to, uint64_t header, const uint64_t *words)
; Returns 0 when the thread is loaded again, or the error for which nothing was sent.
align 16
context_part:
	context_save
	mov rbp, rdi
	mov qword [abs PAGE_CURRENT], 0
	mov rdi, rsi
	lea rsi, [rdx + LMP_WAIT]
	xor ebx, ebx
	mov rdx, [rcx]
	mov r10, [rcx + 8]
	mov r8, [rcx + 16]
	mov r9, [rcx + 24]
	mov r12, [rcx + 32]
	mov r13, [rcx + 40]
	mov r14, [rcx + 48]
	mov r15, [rcx + 56]
	mov eax, SYS_LMP_SEND
	syscall
	mov [abs PAGE_CURRENT], rbp
	context_restore

; err_t lmp_call(cptr_t to, uint64_t header, const uint64_t *words, cptr_t cap,
;                struct lmp_endpoint *e, struct lmp_message *in)
; With no other thread to run, none that sleeps till a deadline, and nothing in the
; endpoint's ring, the dispatcher as a whole may wait: message and processor go
; over in one system call. Otherwise, and on errors, lmp_call_slow does it all.
align 16
lmp_call:
	; What is used in disabled mode must be there: words, and where the answer goes.
	mov al, [rdx]
	mov al, [rdx + LMP_BYTES - 1]
	mov al, [r9]
	mov al, [r9 + MSG_BYTES - 1]
	mov qword [abs PAGE_DISABLED], 1
	cmp dword [thread_special], 0
	jne .slow
	cmp qword [thread_ready], 0
	jne .slow
	cmp qword [sleep_first], 0
	jne .slow
	mov r10, [r8 + EP_RING]
	mov eax, [r10 + RING_PRODUCED]
	cmp eax, [r10]
	jne .slow
	push r8
	push rdx
	call .send
	test rax, rax
	jnz .failed
	add rsp, 16
	mov qword [abs PAGE_DISABLED], 0
	cmp qword [abs PAGE_EVENTS], 0
	jne .events
	ret
.events:
	sub rsp, 8
	call dispatcher_catch_up
	add rsp, 8
	xor eax, eax
	ret
.failed: ; rcx is the capability again, rdi and rsi are as they were
	pop rdx
	pop r8
	mov r9, [r8 + EP_BUFFER]
	mov qword [r8 + EP_WAITER], 0
	and rsi, ~LMP_WAIT
.slow:
	jmp lmp_call_slow

; Saves the context and sends. It is left by the message upcall, or by an error.
.send:
	context_push
	mov rbp, [abs PAGE_CURRENT]
	mov [rbp + THREAD_RSP], rsp
	mov [r8 + EP_WAITER], rbp
	mov [r8 + EP_BUFFER], r9
	mov qword [abs PAGE_CURRENT], 0
	mov rbx, rcx
	or rsi, LMP_WAIT
	mov r10, [rdx + 8]
	mov r8, [rdx + 16]
	mov r9, [rdx + 24]
	mov r12, [rdx + 32]
	mov r13, [rdx + 40]
	mov r14, [rdx + 48]
	mov r15, [rdx + 56]
	mov rdx, [rdx]
	mov eax, SYS_LMP_SEND
	syscall
	mov [abs PAGE_CURRENT], rbp
	mov rcx, rbx
	context_restore

; void context_leave(struct thread *from, void (*fn)(struct thread *), vaddr_t stack)
context_leave:
	context_save
	mov rsp, rdx
	xor ebp, ebp
	call rsi
	ud2

; void context_call(void (*fn)(void *), void *arg, vaddr_t stack)
context_call:
	mov rsp, rdx
	xor ebp, ebp
	mov rax, rdi
	mov rdi, rsi
	call rax
	ud2

; The message upcall: registers are those of LMP in kernel/abi/syscall.h. The
; thread that waits at the endpoint goes on at once, unless others sleep till a
; deadline, for which an alarm may be due; else the message is held.
align 16
upcall_message:
	mov eax, esi
	shr eax, 8
	and eax, 63
	mov rax, [abs lmp_endpoints + rax * 8]
	lea rcx, [rax + EP_HOLD]
	xor ebx, ebx
	cmp rbx, [sleep_first]
	jne .store
	mov rbx, [rax + EP_WAITER]
	test rbx, rbx
	cmovnz rcx, [rax + EP_BUFFER]
.store:
	mov [rcx + MSG_BADGE], rdi
	mov [rcx + MSG_HEADER], rsi
	mov [rcx + MSG_WORDS], rdx
	mov [rcx + MSG_WORDS + 8], r10
	mov [rcx + MSG_WORDS + 16], r8
	mov [rcx + MSG_WORDS + 24], r9
	mov [rcx + MSG_WORDS + 32], r12
	mov [rcx + MSG_WORDS + 40], r13
	mov [rcx + MSG_WORDS + 48], r14
	mov [rcx + MSG_WORDS + 56], r15
	test rbx, rbx
	jz .unclaimed
	mov qword [rax + EP_WAITER], 0
	mov [abs PAGE_CURRENT], rbx
	mov rsp, [rbx + THREAD_RSP]
	wrfsbase rbx
	xor eax, eax
	context_restore
.unclaimed:
	mov rdi, rax
	xor ebp, ebp
	call lmp_upcall_unclaimed
	ud2

upcall_run:
	xor ebp, ebp
	call dispatcher_run
	ud2

upcall_fault:
	xor ebp, ebp
	call dispatcher_fault
	ud2

; Its stack is another: what it interrupted may run on that of the others.
upcall_within:
	xor ebp, ebp
	call dispatcher_within
	ud2

upcall_trap:
	xor ebp, ebp
	call dispatcher_trap
	ud2

section .note.GNU-stack noalloc noexec nowrite progbits
