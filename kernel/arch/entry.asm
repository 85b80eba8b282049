; SPDX-License-Identifier: MIT
;
; The way into the kernel by a trap: 256 stubs, one common path for vectors on the
; interrupted stack, one for those on a stack of their own (IST), and the ways back.
;
; Mode on entry: 64-bit, interrupts off (all gates are interrupt gates), any GS base,
;           any flags.
; Stack:    the CPU has aligned it to 16 and pushed SS RSP RFLAGS CS RIP and, for
;           some, an error code; the rest of struct trap_frame is pushed here.
; Calls:    [trap_handler](struct trap_frame *) with DF and AC clear and the kernel's
;           GS base.
; Clobbers: nothing; every register comes back from the frame, which the handler may
;           change.
%include "layout.inc"
%include "offsets.inc"
%include "kernel/arch/registers.inc"

bits 64
default rel

extern trap_handler             ; idt.c: who handles traps
extern control_smap_on          ; control.c

global trap_stubs:function hidden
global entry_common:function hidden
global entry_ist:function hidden
global resume_save:function hidden
global resume_into:function hidden
global stack_call:function hidden

MSR_GS_BASE       equ 0xC0000101
VECTOR_PAGE_FAULT equ 14
TRAP_GS_SWAPPED   equ 1
TRAP_IN_IRETQ     equ 2
TRAP_MISFRAMED    equ 0x100     ; in the vector, for trap_dispatch
STUB_BYTES        equ 16

; Vectors for which the CPU pushes an error code: 8, 10-14, 17, 21, 29, 30.
%assign ERROR_CODE_VECTORS 0x60227D00
; Vectors that idt.c gives an IST stack: #DB, NMI, #DF, #MC.
%assign IST_VECTORS 0x00040106

; The pushes below put each field where the C struct has it.
%if trap_frame_link_rbp != 0 || trap_frame_cr2 != 16 || trap_frame_r15 != 32
%error "struct trap_frame does not begin as entry.asm pushes it"
%endif
%if trap_frame_rax != 144 || trap_frame_vector != 152 || sizeof_trap_frame != 208
%error "struct trap_frame does not end as entry.asm pushes it"
%endif

section .text

%macro trap_stub 1
%%begin:
%if %1 > 31 || ((ERROR_CODE_VECTORS >> (%1 & 31)) & 1) == 0
    push 0                      ; in place of an error code
%endif
    push %1
%if %1 < 32 && ((IST_VECTORS >> (%1 & 31)) & 1)
    jmp near entry_ist
%else
    jmp near entry_common
%endif
    times STUB_BYTES - ($ - %%begin) int3
%endmacro

; Stub i at trap_stubs + 16 * i, so that the IDT needs no table of addresses.
align STUB_BYTES
trap_stubs:
%assign stub 0
%rep 256
    trap_stub stub
%assign stub stub + 1
%endrep

; Where a field lies before the first four words of the frame are pushed.
%define PUSHED(field) rsp + trap_frame_ %+ field - trap_frame_r15

; An interrupt leaves AC as it was: code inside a copy window must not lend its right to
; a handler.
%macro ac_clear 0
    cmp byte [control_smap_on], 0
    je %%done
    clac
%%done:
%endmacro

; The CPU aligns the stack before it pushes, so five words and six end differently, and with the
; right number of words from the stub RSP is a multiple of 16 here. A word too few: a device's
; interrupt at the vector of an exception that has an error code. One too many: the stub's list
; is wrong. Makes the frame whole, so that it can be told. Out of the way of good traps.
; In: what it must come back to.
%macro frame_repair 1
    lea rsi, [rsp]
    mov ecx, [PUSHED(vector)]
    mov eax, 1
    shl eax, cl
    and eax, ERROR_CODE_VECTORS
    jz %%remove
    ; Insert: registers and vector one word down, 0 for the code.
    sub rsp, 8
    mov rdi, rsp
    mov ecx, 16
    rep movsq
    mov qword [PUSHED(error_code)], 0
    jmp %%done
%%remove:
    ; The stub's 0 goes: registers and vector one word up, the last first.
    lea rdi, [rsp + 16 * 8]
    lea rsi, [rsp + 15 * 8]
    mov ecx, 16
    std
    rep movsq
    cld
    add rsp, 8
%%done:
    or dword [PUSHED(vector)], TRAP_MISFRAMED
    jmp %1
%endmacro

; RAX = entry_flags, RCX = CR2. Completes the frame and calls C. The first two words
; chain the frame pointers: the handler's caller is the interrupted instruction.
%macro call_handler 0
    push rax
    push rcx
    push qword [rsp + trap_frame_rip - trap_frame_cr2]
    push rbp
    mov rbp, rsp
    mov rdi, rsp
    call [trap_handler]
    cli
%endmacro

entry_common:
    cld
    push_registers
    test spl, 15
    jnz entry_common_misframed
.framed:
    ; CR2 before anything could fault again.
    xor ecx, ecx
    cmp dword [PUSHED(vector)], VECTOR_PAGE_FAULT
    jne .cr2_done
    mov rcx, cr2
.cr2_done:
    ac_clear
    ; Ring 3 has its own GS base. So has the one instruction that goes back there.
    xor eax, eax
    test byte [PUSHED(cs)], 3
    jnz .swap
    lea rdx, [iretq_user]
    cmp [PUSHED(rip)], rdx
    jne .gs_done
    mov eax, TRAP_IN_IRETQ
.swap:
    swapgs
.gs_done:
    call_handler
    ; Back. The handler may have made this another place or another ring.
    add rsp, trap_frame_r15
    pop_registers
    test byte [rsp + trap_frame_cs - trap_frame_vector], 3
    lea rsp, [rsp + trap_frame_rip - trap_frame_vector]
    jnz .to_user
    iretq
.to_user:
    swapgs
iretq_user:
    iretq
entry_common_misframed:
    frame_repair entry_common.framed

; On a stack of its own a vector may come between the CPU's entry to ring 0 and SWAPGS:
; only the base itself tells whose it is. The kernel's is negative, a program cannot set
; such a one.
entry_ist:
    cld
    push_registers
    test spl, 15
    jnz .misframed
.framed:
    ac_clear
    xor ebx, ebx
    mov ecx, MSR_GS_BASE
    rdmsr
    test edx, edx
    js .gs_done
    swapgs
    mov ebx, TRAP_GS_SWAPPED
.gs_done:
    mov eax, ebx
    ; A page fault may have been cut off before it read CR2: it gets it back as it was.
    mov rcx, cr2
    call_handler
    mov rax, cr2
    mov rcx, [rsp + trap_frame_cr2]
    cmp rax, rcx
    je .cr2_same
    mov cr2, rcx
.cr2_same:
    test byte [rsp + trap_frame_entry_flags], TRAP_GS_SWAPPED
    jz .gs_kept
    swapgs
.gs_kept:
    add rsp, trap_frame_r15
    pop_registers
    add rsp, trap_frame_rip - trap_frame_vector
    iretq
.misframed:
    frame_repair .framed

; u64 resume_save(struct resume_point *)
; In: RDI. Out: RAX = 0, or 1 when a trap resumes here. Clobbers: RAX, RCX.
resume_save:
    mov [rdi + resume_point_rbx], rbx
    mov [rdi + resume_point_rbp], rbp
    mov [rdi + resume_point_r12], r12
    mov [rdi + resume_point_r13], r13
    mov [rdi + resume_point_r14], r14
    mov [rdi + resume_point_r15], r15
    pushfq
    pop rax
    mov [rdi + resume_point_rflags], rax
    ; As after the return: the caller's next instruction, the return address popped.
    mov rax, [rsp]
    lea rcx, [rsp + 8]
    mov [rdi + resume_point_rip], rax
    mov [rdi + resume_point_rsp], rcx
    xor eax, eax
    ret

; void resume_into(struct trap_frame *, const struct resume_point *)
; In: RDI frame, RSI point. Clobbers: RAX. A point is always in ring 0, with the
; kernel's GS base, wherever the trap came from.
resume_into:
%macro resume_copy 1
    mov rax, [rsi + resume_point_%1]
    mov [rdi + trap_frame_%1], rax
%endmacro
    resume_copy rbx
    resume_copy rbp
    resume_copy r12
    resume_copy r13
    resume_copy r14
    resume_copy r15
    resume_copy rsp
    resume_copy rip
    resume_copy rflags
    mov qword [rdi + trap_frame_rax], 1
    mov qword [rdi + trap_frame_cs], SEL_KERNEL_CODE
    mov qword [rdi + trap_frame_ss], SEL_KERNEL_DATA
    and qword [rdi + trap_frame_entry_flags], ~TRAP_GS_SWAPPED
    ret

; void stack_call(void (*function)(void *), void *argument, u64 stack_top)
; In: RDI, RSI, RDX. The frame-pointer chain goes on across the change of stacks.
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
