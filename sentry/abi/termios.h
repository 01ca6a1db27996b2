// SPDX-License-Identifier: Apache-2.0
/* Terminals of Linux on x86-64: attributes, ioctl numbers.
 * Source: ioctl_tty(2), termios(3). */
#pragma once

#include "sentry/base/types.h"

#define LX_NCCS 19

struct lx_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[LX_NCCS];
};
_Static_assert(sizeof(struct lx_termios) == 36, "ABI");

struct lx_termios2 {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[LX_NCCS];
	uint32_t ispeed, ospeed;
};
_Static_assert(sizeof(struct lx_termios2) == 44, "ABI");

#define LX_NCC 8
/* System V's, with 16-bit flags. */
struct lx_termio {
	uint16_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[LX_NCC];
	uint8_t pad;
};
_Static_assert(sizeof(struct lx_termio) == 18, "ABI");

struct lx_winsize {
	uint16_t row, col, xpixel, ypixel;
};

/* Indexes of cc. */
enum {
	LX_VINTR,
	LX_VQUIT,
	LX_VERASE,
	LX_VKILL,
	LX_VEOF,
	LX_VTIME,
	LX_VMIN,
	LX_VSWTC,
	LX_VSTART,
	LX_VSTOP,
	LX_VSUSP,
	LX_VEOL,
	LX_VREPRINT,
	LX_VDISCARD,
	LX_VWERASE,
	LX_VLNEXT,
	LX_VEOL2,
};
/* A character that is switched off. */
#define LX_VDISABLE 0

/* iflag */
#define LX_IGNBRK  00001
#define LX_BRKINT  00002
#define LX_IGNPAR  00004
#define LX_PARMRK  00010
#define LX_INPCK   00020
#define LX_ISTRIP  00040
#define LX_INLCR   00100
#define LX_IGNCR   00200
#define LX_ICRNL   00400
#define LX_IUCLC   01000
#define LX_IXON	   02000
#define LX_IXANY   04000
#define LX_IXOFF   010000
#define LX_IMAXBEL 020000
#define LX_IUTF8   040000

/* oflag */
#define LX_OPOST  00001
#define LX_OLCUC  00002
#define LX_ONLCR  00004
#define LX_OCRNL  00010
#define LX_ONOCR  00020
#define LX_ONLRET 00040
#define LX_TABDLY 014000
#define LX_XTABS  014000

/* cflag */
#define LX_CBAUD   0010017
#define LX_CBAUDEX 0010000
#define LX_BOTHER  0010000
#define LX_B38400  0000017
#define LX_CSIZE   0000060
#define LX_CS8	   0000060
#define LX_CREAD   0000200
#define LX_PARENB  0000400
#define LX_CLOCAL  0004000
#define LX_CIBAUD  002003600000
#define LX_IBSHIFT 16

/* lflag */
#define LX_ISIG	   000001
#define LX_ICANON  000002
#define LX_ECHO	   000010
#define LX_ECHOE   000020
#define LX_ECHOK   000040
#define LX_ECHONL  000100
#define LX_NOFLSH  000200
#define LX_TOSTOP  000400
#define LX_ECHOCTL 001000
#define LX_ECHOPRT 002000
#define LX_ECHOKE  004000
#define LX_IEXTEN  0100000
#define LX_EXTPROC 0200000

enum {
	LX_TCGETS = 0x5401,
	LX_TCSETS,
	LX_TCSETSW,
	LX_TCSETSF,
	LX_TCGETA,
	LX_TCSETA,
	LX_TCSETAW,
	LX_TCSETAF,
	LX_TCSBRK,
	LX_TCXONC,
	LX_TCFLSH,
	LX_TIOCEXCL,
	LX_TIOCNXCL,
	LX_TIOCSCTTY,
	LX_TIOCGPGRP,
	LX_TIOCSPGRP,
	LX_TIOCOUTQ,
	LX_TIOCSTI,
	LX_TIOCGWINSZ,
	LX_TIOCSWINSZ,
	LX_TIOCGSOFTCAR = 0x5419,
	LX_TIOCSSOFTCAR,
	LX_TIOCINQ,
	LX_TIOCCONS = 0x541d,
	LX_TIOCPKT = 0x5420,
	LX_TIOCNOTTY = 0x5422,
	LX_TIOCSETD,
	LX_TIOCGETD,
	LX_TCSBRKP,
	LX_TIOCSBRK = 0x5427,
	LX_TIOCCBRK,
	LX_TIOCGSID,
	LX_TIOCVHANGUP = 0x5437,
	LX_TIOCGLCKTRMIOS = 0x5456,
	LX_TIOCSLCKTRMIOS,
};
#define LX_TCGETS2     0x802c542au
#define LX_TCSETS2     0x402c542bu
#define LX_TCSETSW2    0x402c542cu
#define LX_TCSETSF2    0x402c542du
#define LX_TIOCGPTN    0x80045430u
#define LX_TIOCSPTLCK  0x40045431u
#define LX_TIOCGDEV    0x80045432u
#define LX_TIOCSIG     0x40045436u
#define LX_TIOCGPKT    0x80045438u
#define LX_TIOCGPTLCK  0x80045439u
#define LX_TIOCGEXCL   0x80045440u
#define LX_TIOCGPTPEER 0x5441u

/* TCXONC, TCFLSH */
enum { LX_TCOOFF, LX_TCOON, LX_TCIOFF, LX_TCION };
enum { LX_TCIFLUSH, LX_TCOFLUSH, LX_TCIOFLUSH };

/* TIOCPKT: the byte before the data */
#define LX_TIOCPKT_DATA	      0
#define LX_TIOCPKT_FLUSHREAD  1
#define LX_TIOCPKT_FLUSHWRITE 2
#define LX_TIOCPKT_STOP	      4
#define LX_TIOCPKT_START      8
#define LX_TIOCPKT_NOSTOP     16
#define LX_TIOCPKT_DOSTOP     32
#define LX_TIOCPKT_IOCTL      64

#define LX_N_TTY 0
