; Contexts of programs (ucontext.h), and calls on other stacks. Enabled mode.
;
; Of a context that a program saves by itself only what a call keeps matters: six registers, stack, return address
; and control words; of one that makecontext laid, six arguments besides.

bits 64

; ucontext_t; libos/posix/ucontext.c asserts these
UC_R8    equ 40
UC_R9    equ 48
UC_R12   equ 72
UC_R13   equ 80
UC_R14   equ 88
UC_R15   equ 96
UC_RDI   equ 104
UC_RSI   equ 112
UC_RBP   equ 120
UC_RBX   equ 128
UC_RDX   equ 136
UC_RCX   equ 152
UC_RSP   equ 160
UC_RIP   equ 168
UC_MXCSR equ 232
UC_FCW   equ 236

global getcontext:function, swapcontext:function, context_enter:function, context_return:function, stack_call:function
extern context_gotten, context_swap, context_over

; Saves the caller's registers, as they are when it has returned, into the ucontext_t at rdi.
%macro uc_save 0
	mov [rdi + UC_RBX], rbx
	mov [rdi + UC_RBP], rbp
	mov [rdi + UC_R12], r12
	mov [rdi + UC_R13], r13
	mov [rdi + UC_R14], r14
	mov [rdi + UC_R15], r15
	lea rax, [rsp + 8]
	mov [rdi + UC_RSP], rax
	mov rax, [rsp]
	mov [rdi + UC_RIP], rax
	stmxcsr [rdi + UC_MXCSR]
	fnstcw [rdi + UC_FCW]
%endmacro

; int getcontext(ucontext_t *into)
section .text.getcontext progbits alloc exec nowrite align=16
getcontext:
	uc_save
	jmp context_gotten

; int swapcontext(ucontext_t *from, const ucontext_t *to)
section .text.swapcontext progbits alloc exec nowrite align=16
swapcontext:
	uc_save
	jmp context_swap

; void context_enter(const ucontext_t *to): the program sees 0 returned.
section .text.context_enter progbits alloc exec nowrite align=16
context_enter:
	ldmxcsr [rdi + UC_MXCSR]
	fldcw [rdi + UC_FCW]
	mov rbx, [rdi + UC_RBX]
	mov rbp, [rdi + UC_RBP]
	mov r12, [rdi + UC_R12]
	mov r13, [rdi + UC_R13]
	mov r14, [rdi + UC_R14]
	mov r15, [rdi + UC_R15]
	mov r8, [rdi + UC_R8]
	mov r9, [rdi + UC_R9]
	mov rsi, [rdi + UC_RSI]
	mov rdx, [rdi + UC_RDX]
	mov rcx, [rdi + UC_RCX]
	mov rsp, [rdi + UC_RSP]
	mov r11, [rdi + UC_RIP]
	mov rdi, [rdi + UC_RDI]
	xor eax, eax
	jmp r11

; Where the function of makecontext returns to; rbx: uc_link. That address stays where it is: a context may begin again.
section .text.context_return progbits alloc exec nowrite align=16
context_return:
	mov rdi, rbx
	and rsp, -16
	sub rsp, 16
	call context_over
	ud2

; void stack_call(void (*fn)(void *arg), void *arg, vaddr_t stack)
section .text.stack_call progbits alloc exec nowrite align=16
stack_call:
	push rbp
	mov rbp, rsp
	mov rsp, rdx
	mov rax, rdi
	mov rdi, rsi
	call rax
	mov rsp, rbp
	pop rbp
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
