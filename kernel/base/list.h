/* SPDX-License-Identifier: MIT
 *
 * Intrusive, circular, doubly linked list. A head and a node are the same struct.
 *
 * Owns: nothing; the memory is the caller's.
 * Locking: the caller's.
 * Cost: O(1) each. A node that is removed gets null links, so that a second removal
 * faults on a null pointer with its own code instead of tangling two lists.
 */
#ifndef PLINTH_KERNEL_BASE_LIST_H
#define PLINTH_KERNEL_BASE_LIST_H

#include "kernel/base/types.h"

struct list {
    struct list *next;
    struct list *previous;
};

#define LIST_EMPTY(head) { &(head), &(head) }

/* The struct of the given type whose member is at pointer. */
#define CONTAINER_OF(pointer, type, member)                                           \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

static inline void list_init(struct list *head)
{
    head->next = head;
    head->previous = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline bool list_is_linked(const struct list *node)
{
    return node->next != NULL;
}

/* Puts node right behind place; place may be a head or a linked node. */
static inline void list_add_after(struct list *place, struct list *node)
{
    node->next = place->next;
    node->previous = place;
    place->next->previous = node;
    place->next = node;
}

static inline void list_add_before(struct list *place, struct list *node)
{
    list_add_after(place->previous, node);
}

static inline void list_add_first(struct list *head, struct list *node)
{
    list_add_after(head, node);
}

static inline void list_add_last(struct list *head, struct list *node)
{
    list_add_after(head->previous, node);
}

static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = NULL;
    node->previous = NULL;
}

/* The first node, or NULL. */
static inline struct list *list_find_first(const struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

/* Removes and returns the first node, or NULL. */
static inline struct list *list_take_first(struct list *head)
{
    struct list *node = list_find_first(head);

    if (node != NULL)
        list_remove(node);
    return node;
}

/* The body must not remove node; list_for_each_safe allows that, and only that. */
#define list_for_each(node, head)                                                     \
    for (struct list *node = (head)->next; node != (head); node = node->next)

#define list_for_each_safe(node, head)                                                \
    for (struct list *node = (head)->next, *node##_next = node->next;                 \
         node != (head); node = node##_next, node##_next = node->next)

#endif
