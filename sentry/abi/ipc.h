// SPDX-License-Identifier: Apache-2.0
/*
 * System V IPC (include/uapi/linux/{ipc,shm,sem,msg}.h, asm/{ipc,shm,sem,msg}buf.h). On
 * x86-64 there is only the IPC_64 form of the structures; the flag itself is not taken.
 */
#pragma once

#include <stdint.h>

#define LX_IPC_PRIVATE 0
#define LX_IPC_CREAT   01000
#define LX_IPC_EXCL    02000
#define LX_IPC_NOWAIT  04000

enum {
	LX_IPC_RMID,
	LX_IPC_SET,
	LX_IPC_STAT,
	LX_IPC_INFO,
	LX_SHM_LOCK = 11,
	LX_SHM_UNLOCK,
	LX_SHM_STAT,
	LX_SHM_INFO,
	LX_SHM_STAT_ANY,
	LX_SEM_GETPID = 11,
	LX_SEM_GETVAL,
	LX_SEM_GETALL,
	LX_SEM_GETNCNT,
	LX_SEM_GETZCNT,
	LX_SEM_SETVAL,
	LX_SEM_SETALL,
	LX_SEM_STAT,
	LX_SEM_INFO,
	LX_SEM_STAT_ANY,
	LX_MSG_STAT = 11,
	LX_MSG_INFO,
	LX_MSG_STAT_ANY,
};

/* shmget, shmat */
#define LX_SHM_HUGETLB	 04000
#define LX_SHM_NORESERVE 010000
#define LX_SHM_RDONLY	 010000
#define LX_SHM_RND	 020000
#define LX_SHM_REMAP	 040000
#define LX_SHM_EXEC	 0100000
/* In shm_perm.mode */
#define LX_SHM_DEST   01000
#define LX_SHM_LOCKED 02000

#define LX_SEM_UNDO 0x1000

#define LX_MSG_NOERROR 010000
#define LX_MSG_EXCEPT  020000
#define LX_MSG_COPY    040000

struct lx_ipc_perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t seq, pad2;
	uint32_t pad3;
	uint64_t unused[2];
};
_Static_assert(sizeof(struct lx_ipc_perm) == 48, "ipc64_perm");

struct lx_shmid_ds {
	struct lx_ipc_perm perm;
	uint64_t segsz;
	int64_t atime, dtime, ctime;
	int32_t cpid, lpid;
	uint64_t nattch, unused[2];
};
_Static_assert(sizeof(struct lx_shmid_ds) == 112, "shmid64_ds");

struct lx_shminfo {
	uint64_t shmmax, shmmin, shmmni, shmseg, shmall, unused[4];
};
_Static_assert(sizeof(struct lx_shminfo) == 72, "shminfo64");

struct lx_shm_info {
	int32_t used_ids, pad;
	uint64_t shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};
_Static_assert(sizeof(struct lx_shm_info) == 48, "shm_info");

struct lx_semid_ds {
	struct lx_ipc_perm perm;
	int64_t otime, unused1, ctime, unused2;
	uint64_t nsems, unused3[2];
};
_Static_assert(sizeof(struct lx_semid_ds) == 104, "semid64_ds");

struct lx_seminfo {
	int32_t semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx,
		semaem;
};
_Static_assert(sizeof(struct lx_seminfo) == 40, "seminfo");

struct lx_sembuf {
	uint16_t num;
	int16_t op, flg;
};
_Static_assert(sizeof(struct lx_sembuf) == 6, "sembuf");

struct lx_msqid_ds {
	struct lx_ipc_perm perm;
	int64_t stime, rtime, ctime;
	uint64_t cbytes, qnum, qbytes;
	int32_t lspid, lrpid;
	uint64_t unused[2];
};
_Static_assert(sizeof(struct lx_msqid_ds) == 120, "msqid64_ds");

struct lx_msginfo {
	int32_t msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql;
	uint16_t msgseg, pad;
};
_Static_assert(sizeof(struct lx_msginfo) == 32, "msginfo");
