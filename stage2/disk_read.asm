; SPDX-License-Identifier: MIT
;
; The read engine: bytes of the disk image into memory below 1 MiB, through whatever the BIOS
; offers, with retries, smaller calls and the other method before it gives up. While disk_write
; is 1 the same bytes go the other way.
;
; Mode: protected. Registers kept unless named. Facts of the last call stay in disk_... for reports.
;
; A call that reports neither clean success nor clean failure (CF and AH disagree) counts as done:
; everything read here is proven afterwards, by checksum (disk_prove.asm) or UUID, and read again if
; wrong.
; What says it is done and brought nothing is a failed call: a mark in each sector's place tells.

%include "stage2/stage2.inc"

extern edd_probe, edd_read, chs_init, chs_read, disk_reset, wait_ticks
extern disk_lba, disk_left, disk_dest, disk_count, disk_done, disk_limit, disk_tries, disk_here
extern disk_timeouts, disk_drive, disk_edd, disk_has_edd, disk_quick, disk_offset
extern sector_shift, disk_base, int13_sectors, chs_sectors
extern disk_write, safe_mode, chs_heads, disk_mark, int13_calls

%define MARK_NOISE      0xA6C1E73D              ; no small number, and another one each call
%define TRIES_FULL      3                       ; before the size is halved, then one each
%define TRIES_SINGLE    4                       ; at one sector a call
%define TIMEOUTS_MAX    2                       ; each may last 30 seconds; then one more

section .head
bits 32

; A freshly chosen drive. In: AL = drive. Method, limits and counters start anew; 512-byte
; sectors are assumed until drive_find.asm has measured.
global disk_use
disk_use:
        mov     [disk_drive], al
        and     dword [chs_sectors], 0
        mov     byte [sector_shift], 9
        call    edd_probe
        cmp     byte [disk_edd], 0
        jne     disk_limit_full
        call    chs_init
        jnc     disk_limit_full
; Neither EDD nor geometry: enough to read sector 0 and the body, whose checksum decides.
        mov     byte [chs_sectors], GUESSED_SECTORS
        mov     byte [chs_heads + 3], HEADS_UNKNOWN >> 24
; The largest call: one chunk, 64 sectors of 512 bytes, under every limit BIOSes are known for.
; In safe mode one sector.
global disk_limit_full
disk_limit_full:
        push    eax
        push    ecx
        mov     eax, CHUNK_BYTES
        mov     cl, [sector_shift]
        shr     eax, cl
        cmp     byte [safe_mode], 0
        je      .limit
        xor     eax, eax
        inc     eax
.limit: mov     [disk_limit], eax
        pop     ecx
        pop     eax
        ret

; Where bytes lie on the disk. In: EAX = byte offset in the image, ECX = bytes. Out: disk_offset,
; disk_lba, disk_count and EBX = sectors, the last one whole. Clobbers EAX, ECX, EDX.
; What lies before the partition is out of reach where the firmware adds the partition's start: its
; second copy is meant, which lies as far behind that.
global disk_place
disk_place:
        cmp     dword [disk_base], 0
        je      .reach
        cmp     eax, DISK_PARTITION
        jae     .reach
        add     eax, DISK_PARTITION
.reach: mov     [disk_offset], eax
        mov     ebx, ecx
        mov     cl, [sector_shift]
        shr     eax, cl
        mov     [disk_lba], eax
        xor     edx, edx
        inc     edx
        shl     edx, cl
.whole: lea     ebx, [ebx + edx - 1]
        shr     ebx, cl
        mov     [disk_count], ebx
        ret

; Read. In: EAX = byte offset in the image, ECX = bytes (rounded up to sectors), EDI = where.
; Out: CF = 1: impossible, after all tries.
global disk_read
disk_read:
        pushad
        call    disk_place
        mov     [disk_left], ebx
        mov     [disk_dest], edi
        xor     eax, eax
        mov     [disk_tries], eax
        mov     [disk_timeouts], eax
.fresh: and     dword [disk_here], 0

; As much as remains, the limit allows and fits before the next 64 KiB line.
.next:  mov     eax, [disk_left]
        test    eax, eax
        jz      .good
        cmp     eax, [disk_limit]
        jbe     .limit
        mov     eax, [disk_limit]
.limit: movzx   edx, word [disk_dest]
        sub     edx, 0x10000
        neg     edx
        mov     cl, [sector_shift]
        shr     edx, cl
        cmp     eax, edx
        jbe     .line
        mov     eax, edx
.line:  mov     [disk_count], eax

; The mark at the end of each sector to come; never in what is to be written.
        cmp     byte [disk_write], 0
        jne     .call
        mov     esi, [int13_calls]
        xor     esi, MARK_NOISE
        mov     [disk_mark], esi
        mov     edi, [disk_dest]
        xor     edx, edx
        inc     edx
        shl     edx, cl
.mark:  add     edi, edx
        mov     [edi - 4], esi
        dec     eax
        jnz     .mark
.call:  cmp     byte [disk_edd], 0
        je      .chs
        call    edd_read
        jmp     .judge
.chs:   call    chs_read

; CF and AH together; a count below ours is believed as far as it goes. EDX is for quirks.
.judge: mov     ebx, [disk_count]
        mov     ecx, [disk_done]
        mov     edx, [disk_lba]
        setc    al
        dec     ecx
        cmp     ecx, ebx                        ; 0 and anything above ours: not a count
        inc     ecx
        jae     .whole
        cmp     ecx, ebx
        je      .whole
        quirk   QUIRK_READ_SHORT
        mov     ebx, ecx
        jmp     .took
.whole: test    al, al
        jz      .clear
        test    ah, ah
        jnz     .failed
        jmp     .suspect
.clear: test    ah, ah
        jz      .took
.suspect:
        mov     ecx, ebx
        quirk   QUIRK_READ_SUSPECT
; EBX sectors arrived, if the last one did. A write left no mark to look for.
.took:  mov     cl, [sector_shift]
        mov     edi, ebx
        shl     edi, cl
        add     edi, [disk_dest]
        cmp     byte [disk_write], 0
        jne     .moved
        mov     esi, [edi - 4]
        cmp     esi, [disk_mark]
        je      .empty
.moved: mov     [disk_dest], edi
        add     [disk_lba], ebx
        sub     [disk_left], ebx
        add     [int13_sectors], ebx
        jmp     .fresh
.empty: mov     ecx, ebx
        quirk   QUIRK_READ_EMPTY
        jmp     .failed
.good:  popad
        clc
        ret

; Failed with status AH: what now?
.failed:
        inc     dword [disk_tries]
        inc     dword [disk_here]
        mov     ecx, ebx
        quirk   QUIRK_READ_RETRIED
        cmp     byte [disk_quick], 0
        jne     .lost
        cmp     ah, 0x01                        ; bad parameter: smaller, at once
        je      .smaller
        cmp     ah, 0x09
        je      .smaller
        cmp     ah, 0x80                        ; time-out, not ready
        je      .timeout
        cmp     ah, 0xAA
        jne     .again
.timeout:
        inc     dword [disk_timeouts]
        cmp     dword [disk_timeouts], TIMEOUTS_MAX
        jb      .again
        ja      .method
; One last time, with a single sector: some BIOSes call a transfer too long a time-out.
        call    disk_reset
        push    byte 2
        pop     ebx
        jmp     .smaller
; Reset, pause, and the same again; fewer tries once the size was halved.
.again: call    disk_reset
        mov     eax, [disk_here]
        cmp     dword [disk_limit], 1
        jne     .full
        cmp     eax, TRIES_SINGLE
        jmp     .count
.full:  cmp     dword [disk_tries], TRIES_FULL
.count: jae     .smaller
        call    wait_ticks
        jmp     .next
.smaller:
        cmp     ebx, 1
        jbe     .method
        shr     ebx, 1
        mov     [disk_limit], ebx
        mov     ecx, ebx
        quirk   QUIRK_READ_HALVED
        jmp     .fresh
; The other method, once. Never for a write: an unproven geometry could hit other sectors.
.method:
        mov     al, [disk_edd]
        cmp     al, [disk_write]
        jbe     .lost
        call    chs_init
        jc      .lost
        mov     byte [disk_edd], 0
        quirk   QUIRK_EDD_DROPPED
        call    disk_limit_full
        jmp     .fresh
; Nothing helped. The next read starts with the best method again.
.lost:  mov     al, [disk_has_edd]
        mov     [disk_edd], al
        call    disk_limit_full
        popad
        stc
        ret
