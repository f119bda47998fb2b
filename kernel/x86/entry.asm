; Ways into the CPU driver and out of it.
;
; Every entry from user mode lays a struct regs (kernel/abi/regs.h) at the top
; of the kernel stack, which is empty whenever user mode or arch_idle runs: so
; the frame is always at kernel_frame, and no entry needs swapgs, since the
; stack and the scratch word below are this core's own at a fixed address.
; Interrupts are off in here, and the flags that a user could plant (AC, DF, NT,
; TF) are cleared: by FMASK at SYSCALL, by entry_common at the other gates.
; There are no indirect branches.

bits 64
%include "kernel/x86/macros.inc"

constants USER_DATA, 0x1b, USER_CODE, 0x23
; bits 32-63 of the first address that is not the user's
constants USER_END_HIGH, 0x8000
; struct regs; trap.c asserts these
constants REGS_R15, 0, REGS_R14, 8, REGS_R13, 16, REGS_R12, 24, REGS_R10, 40, REGS_R9, 48, REGS_R8, 56, REGS_RBP, 64
constants REGS_RDI, 72, REGS_RSI, 80, REGS_RDX, 88, REGS_RBX, 104, REGS_RAX, 112, REGS_RIP, 136, REGS_CS, 144
constants REGS_FLAGS, 152, REGS_RSP, 160, REGS_BYTES, 176

extern kernel_stack_top, message_fast
extern runnable, sys_invoke, sys_lmp_send, sys_yield, sys_wait, sys_resume, trap_entry

global entry_syscall, entry_syscall_frame, entry_stubs, arch_return, arch_upcall, arch_idle, idt_load
global fpu_save_x, fpu_save_fx, fpu_load_x, fpu_load_fx
global fpu_fault_x, fpu_fault_fx, fpu_load_bad

section .bss
align 8
user_rsp: resq 1

section .text

; SYSCALL: rcx = user rip, r11 = user flags, still on the user's stack.
; The C functions take rdi, rsi, rdx, r10, r8, r9 as their arguments and return
; rax and rdx; what else the user gets back comes out of the frame.
align 16
entry_syscall:
	cmp rax, SYS_LMP_SEND
	je message_fast ; message.asm; comes back by the next label when it does not apply
entry_syscall_frame:
	mov [user_rsp], rsp
	lea rsp, [kernel_stack_top]
	push USER_DATA
	push qword [user_rsp]
	push r11
	push USER_CODE
	push rcx
	sub rsp, 16 ; error, vector
	each push, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	mov rcx, r10
	cmp rax, SYS_INVOKE
	jne other
	call sys_invoke

; To the instruction after SYSCALL, rax and rdx being the result. C has kept rbx,
; rbp, r12-r15. An address right above the user's half would make SYSRET fault
; in ring 0 on some processors; such a program goes on at 0 and faults there.
return_sysret:
	cmp dword [rsp + REGS_RIP + 4], USER_END_HIGH
	jae .beyond
.checked:
	mov r8, [rsp + REGS_R8]
	mov r9, [rsp + REGS_R9]
	mov r10, [rsp + REGS_R10]
	mov rdi, [rsp + REGS_RDI]
	mov rsi, [rsp + REGS_RSI]
	mov rcx, [rsp + REGS_RIP]
	mov r11, [rsp + REGS_FLAGS]
	mov rsp, [rsp + REGS_RSP]
	o64 sysret
.beyond:
	mov qword [rsp + REGS_RIP], 0
	jmp .checked

other:
	cmp rax, SYS_LMP_SEND
	je .lmp_send
	cmp rax, SYS_YIELD
	je .yield
	cmp rax, SYS_WAIT
	je .wait
	cmp rax, SYS_RESUME
	je .resume
	mov edx, [runnable]
	cmp rax, 1  ; carry if it was SYS_NULL
	sbb eax, eax
	inc eax     ; 0, or 1 which is ERR_SYSCALL
	jmp return_sysret
.lmp_send:
	call sys_lmp_send
	jmp return_sysret
.yield:
	call sys_yield
	jmp return_sysret
.wait:
	call sys_wait
	jmp return_sysret
.resume:
	call sys_resume
	jmp return_sysret

; void arch_return(bool full): to user mode as the frame says.
align 16
arch_return:
	lea rsp, [kernel_stack_top - REGS_BYTES]
	test edi, edi
	jnz return_full
	mov rax, [rsp + REGS_RAX]
	mov rdx, [rsp + REGS_RDX]
	mov rbx, [rsp + REGS_RBX]
	mov rbp, [rsp + REGS_RBP]
	mov r12, [rsp + REGS_R12]
	mov r13, [rsp + REGS_R13]
	mov r14, [rsp + REGS_R14]
	mov r15, [rsp + REGS_R15]
	jmp return_sysret

; void arch_upcall(vaddr_t entry, vaddr_t stack, uint64_t a, uint64_t b)
align 16
arch_upcall:
	mov rsp, rsi
	mov rsi, rcx
	mov rcx, rdi
	mov rdi, rdx
	mov rax, rcx
	shr rax, 47
	jnz .beyond
.checked:
	mov r11d, USER_FLAGS
	clear edx, ebx, ebp, r8d, r9d, r10d, r12d, r13d, r14d, r15d
	o64 sysret
.beyond:
	xor ecx, ecx
	xor eax, eax
	jmp .checked

; All gates: the processor pushed ss, rsp, flags, cs, rip, and the stub made
; error code and vector follow. From kernel mode the frame is where the stack was.
align 16
entry_common:
	each push, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	push 2
	popfq
	mov rdi, rsp
	call trap_entry

; rsp at a frame: all registers, by IRETQ, which faults like SYSRET.
return_full:
	test byte [rsp + REGS_CS], 3
	jz .checked
	cmp dword [rsp + REGS_RIP + 4], USER_END_HIGH
	jb .checked
	mov qword [rsp + REGS_RIP], 0
.checked:
	each pop, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
	add rsp, 16
	iretq

; void arch_idle(void): an interrupt lays its frame where one from user mode would.
arch_idle:
	lea rsp, [kernel_stack_top]
	sti
.halt:
	hlt
	jmp .halt

; void idt_load(const void *pseudo_descriptor)
idt_load:
	lidt [rdi]
	ret

; void fpu_save_x(void *area, uint64_t states), fpu_save_fx(void *area)
fpu_save_x:
	mov rax, rsi
	mov rdx, rsi
	shr rdx, 32
	xsave64 [rdi]
	ret
fpu_save_fx:
	fxsave64 [rdi]
	ret

; bool fpu_load_x(const void *area, uint64_t states), fpu_load_fx(const void *area):
; false when the area's contents made the instruction fault; trap.c leads from
; the fault to fpu_load_bad.
fpu_load_x:
	mov rax, rsi
	mov rdx, rsi
	shr rdx, 32
fpu_fault_x:
	xrstor64 [rdi]
	mov eax, 1
	ret
fpu_load_fx:
fpu_fault_fx:
	fxrstor64 [rdi]
	mov eax, 1
	ret
fpu_load_bad:
	xor eax, eax
	ret

; One stub of 16 bytes for each vector. The processor pushes an error code at
; vectors 8, 10-14, 17, 21, 29 and 30; elsewhere a 0 stands in.
align 16
entry_stubs:
%assign vector 0
%rep 256
	align 16
%if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
	push 0
%endif
	push strict dword vector
	jmp near entry_common
%assign vector vector + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
