#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Classical boot bugs, made on purpose: does the machine say what is wrong?

  museum.py [--build build] [NAME ...]   one bug or all: applied to a copy of the tree,
                                         built, booted with RAM full of rubbish
  museum.py --update [NAME ...]          the same, and their rows in docs/bugs.md
  museum.py --list                       names and titles, nothing is run

named      code and sentence say which mistake it is
partly     a code or a failed test, but it points elsewhere
not named  silence, a hang, a reset, or everything passes
not run    an emulator could not be started, twice: no verdict, and the row stays
Caught means that a test of the ordinary suite fails, or the build.
Exit: 0 all were run and caught and none is named worse than docs/bugs.md says, 1 else, 2
the museum cannot open (a patch does not apply, the kernel fails without any bug).
"""
import argparse
import os
import queue
import re
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import page
import places
import record
from workshop import PatchError, Workshop, check_applies

import bochs
import ktap
import machine
import qemu

NONCE = '7'
ALWAYS = {'exit': '1', 'nonce': NONCE, 'kaslr': '7'}
# Seconds that a boot without a bug may take; with one, what takes PATIENCE times as long
# (and LEAST_WALL at least) hangs. So a busy host makes no verdict.
CLEAN_WALL, LEAST_WALL, PATIENCE = 200, 20, 8
# What the flight recorder has the next boot say.
LAST_BOOT = re.compile(r'^plinth: previous boot .*', re.M)
NOT_RUN = 'not run'
# The share of the first set's bugs that have to be named.
GOAL = 0.9


class ClosedError(Exception):
    """The museum itself is broken: no verdict would mean anything."""


@dataclass
class Visit:
    """One machine with one bug."""
    run: record.Run
    reason: str            # how it ended, as machine.verdict() words it
    text: str
    expected: str          # how it ends without the bug
    failed: list = field(default_factory=list)

    @property
    def caught(self):
        return self.reason != self.expected


@dataclass
class Verdict:
    bug: record.Bug
    rank: str
    message: str           # the line that names it, else the best there is
    caught_by: list
    visits: list


def full_config(config):
    words = dict(word.partition('=')[::2] for word in config.split())
    return ' '.join(f'{key}={value}' for key, value in {**ALWAYS, **words}.items())


class Museum:
    """Workshops, the image without a bug, and how it behaves on each machine."""

    def __init__(self, folder, jobs):
        self.shops = queue.Queue()
        self.jobs = jobs
        self.folder = os.path.abspath(folder)
        self.clean = os.path.join(self.folder, 'clean.img')
        self.clean_visits, self.lock = {}, threading.Lock()

    def __enter__(self):
        self.rubbish = machine.scratch_folder()
        shops = [Workshop(os.path.join(self.folder, str(i))) for i in range(self.jobs)]
        shops[0].restore()
        built, words = shops[0].build()
        if not built:
            raise ClosedError(f'the tree does not build without any bug:\n{words}')
        shutil.copyfile(shops[0].image, self.clean)
        for shop in shops:
            self.shops.put(shop)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.rubbish, ignore_errors=True)

    def boot(self, run, config, image, wall):
        """(machine.Result, all it said). On a busy host an emulator may fail to start."""
        try:
            return self.boot_once(run, config, image, wall)
        except machine.EmulatorError:
            return self.boot_once(run, config, image, wall)

    def boot_once(self, run, config, image, wall):
        """After a triple fault one more boot may speak."""
        setup = run.setup(image, full_config(config))
        if run.emulator == 'bochs':
            with bochs.Bochs(setup, wall=wall) as vm:
                result = vm.finish(NONCE)
                return result, ktap.plain(result.serial or result.e9)
        with qemu.Qemu(setup, wall=wall, cpu_seconds=wall,
                       rubbish_folder=self.rubbish) as vm:
            result = vm.finish(NONCE)
            if result.reason == 'triple fault':
                try:
                    vm.wait_for(LAST_BOOT.pattern + '\n', resets=len(vm.resets()),
                                seconds=10)
                except machine.EmulatorError:
                    pass
            return result, ktap.plain(vm.serial or vm.e9())

    def clean_visit(self, run, config):
        """(machine.Result, text) without a bug; each machine is asked only once."""
        key = str(run), config
        with self.lock:
            if key not in self.clean_visits:
                result, text = self.boot(run, config, self.clean, CLEAN_WALL)
                healthy = result.passed or (
                    'die_' in config and result.reason.startswith('died'))
                if not healthy:
                    raise ClosedError(f'without any bug, on {run}: {result}')
                self.clean_visits[key] = result, text
            return self.clean_visits[key]

    def visit(self, bug, run, image):
        clean, clean_text = self.clean_visit(run, bug.config)
        line = bug.naming(clean_text)
        if line:
            raise ClosedError(f'{bug.name}: its Named line is said without the bug too, '
                              f'on {run}: {line}')
        wall = max(LEAST_WALL, PATIENCE * clean.seconds)
        result, text = self.boot(run, bug.config, image, wall)
        failed = result.run.failed if result.run else []
        return Visit(run, result.reason, text, clean.reason, failed)

    def judge(self, bug):
        """Builds the bug and looks at it on each of its machines."""
        shop = self.shops.get()
        try:
            shop.restore()
            shop.apply(bug)
            built, words = shop.build()
            if not built:
                return refused(bug, words)
            visits = [self.visit(bug, run, shop.image) for run in bug.runs]
        except machine.EmulatorError as error:
            return Verdict(bug, NOT_RUN, str(error), [], [])
        finally:
            self.shops.put(shop)
        return seen(bug, visits)


def refused(bug, words):
    """The build is the witness."""
    line = bug.naming(words)
    first = next((text.strip() for text in words.splitlines() if text.strip()), '')
    return Verdict(bug, 'named' if line else 'partly', line or first, ['build'], [])


def rank_of(bug, visit):
    if bug.naming(visit.text):
        return 'named'
    spoke = ktap.death(visit.text) or visit.failed or LAST_BOOT.search(visit.text)
    return 'partly' if spoke else 'not named'


def message_of(bug, visit):
    """What a reader gets to see first, and behind it the line that names the bug."""
    death, line = ktap.death(visit.text), bug.naming(visit.text)
    later = LAST_BOOT.search(visit.text)
    head = death[1] if death else later[0] if later else \
        f'not ok: {", ".join(visit.failed[:3])}' if visit.failed else visit.reason
    return head if line in (None, head) else f'{head} / {line}'


def seen(bug, visits):
    """The verdict is the worst of those machines on which the bug shows."""
    shown = [visit for visit in visits if not visit.run.hidden]
    if not shown:
        return Verdict(bug, 'partly', 'the build did not refuse it', [], visits)
    worst = max(shown, key=lambda visit: record.RANKS.index(rank_of(bug, visit)))
    caught = []
    for visit in shown:
        if visit.caught:
            caught += visit.failed or re.findall(r'die_\w+', bug.config) or ['boot']
    return Verdict(bug, rank_of(bug, worst), message_of(bug, worst),
                   list(dict.fromkeys(caught)), visits)


def complaints(verdict, published):
    """What is not as the record and the page say."""
    bug, known = verdict.bug, published.get(verdict.bug.name)
    if verdict.rank == NOT_RUN:
        yield f'{bug.name}: not run: {verdict.message}'
        return
    if known and record.RANKS.index(verdict.rank) > record.RANKS.index(known):
        yield f'{bug.name}: {verdict.rank}, docs/bugs.md says {known}'
    if not verdict.caught_by:
        yield f'{bug.name}: no test of the ordinary suite fails'
    elif not set(bug.tests) & set(verdict.caught_by):
        yield (f'{bug.name}: its record expects {", ".join(bug.tests)} to fail, caught '
               f'by {", ".join(verdict.caught_by)}')
    for visit in verdict.visits:
        if visit.run.hidden and visit.caught:
            yield f'{bug.name}: on {visit.run} it is hidden no longer: {visit.reason}'


def run_all(bugs, folder, jobs, tell=lambda verdict: None):
    """A verdict for each bug, in order."""
    with Museum(folder, min(jobs, len(bugs))) as museum, \
            ThreadPoolExecutor(museum.jobs) as pool:
        def judge(bug):
            verdict = museum.judge(bug)
            tell(verdict)
            return verdict
        return list(pool.map(judge, bugs))


def tell_line(verdict):
    caught = ', '.join(verdict.caught_by[:3]) or 'NOTHING'
    message = page.masked(verdict.message)[:100]
    print(f'{verdict.bug.name:24} {verdict.rank:10} {message}\n'
          f'{"":24} caught by {caught}', flush=True)


def tell_all(verdict):
    """Everything about one bug."""
    bug = verdict.bug
    print(f'\n{bug.title}\n\n{bug.story}\n')
    for visit in verdict.visits:
        kind = 'hidden here' if visit.run.hidden else rank_of(bug, visit)
        print(f'--- {visit.run}: {kind}; ended: {visit.reason}; without the bug: '
              f'{visit.expected}')
        lines = visit.text.split('\n')
        at = next((i for i, line in enumerate(lines) if line.startswith('plinth: ')), 0)
        print('\n'.join(lines[at:at + 40] if at else lines[-25:]))
    tell_line(verdict)


def choose(names):
    bugs = {bug.name: bug for bug in record.load_all()}
    for name in names:
        if name not in bugs:
            raise ClosedError(f'no bug is called {name}; there are: {", ".join(bugs)}')
    return [bugs[name] for name in names or bugs]


def check_all(bugs, folder):
    """Every patch applies, said before anything is built."""
    os.makedirs(folder, exist_ok=True)
    for bug in bugs:
        scratch = os.path.join(folder, 'check')
        shutil.rmtree(scratch, ignore_errors=True)
        os.mkdir(scratch)
        check_applies(bug, scratch)


def main():
    options = argparse.ArgumentParser(
        prog='museum.py', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('names', nargs='*', metavar='NAME')
    options.add_argument('--build', default='build')
    options.add_argument('--jobs', type=int, default=2)
    options.add_argument('--update', action='store_true')
    options.add_argument('--list', action='store_true')
    options = options.parse_args()
    try:
        bugs = choose([name for name in options.names if name])
        if options.list:
            for bug in bugs:
                print(f'{bug.name:24} {bug.title}')
            return 0
        folder = os.path.join(places.ROOT, options.build, 'bugs')
        check_all(bugs, folder)
        verdicts = run_all(bugs, folder, options.jobs,
                           tell_all if len(bugs) == 1 else tell_line)
    except (record.RecordError, PatchError, ClosedError, machine.EmulatorError) as error:
        print(f'museum: {error}', file=sys.stderr)
        return 2
    if len(bugs) > 1:
        print('\n'.join(page.score([page.row(verdict) for verdict in verdicts
                                    if verdict.rank != NOT_RUN])))
    found = [line for verdict in verdicts
             for line in complaints(verdict, page.published())]
    if options.update:
        page.update(verdicts, [bug.name for bug in record.load_all()])
    for line in found:
        print(f'museum: {line}', file=sys.stderr)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
