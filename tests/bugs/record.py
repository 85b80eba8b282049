# SPDX-License-Identifier: MIT
"""The exhibits of the museum: one NAME.patch each, its record above its diff.

A record is a head of `Field: value` lines; a line that begins with a blank goes on with
the one before. patch(1) skips all of it.

  Title           the mistake in one sentence
  Story           how people come to make it, and what they then see
  Threads         public threads owner/repository#number, or none
  Without-QEMU    the symptom in a kernel without guards and without an explainer
  Without-Bochs   the same there
  Run             qemu|bochs [hidden] [key=value ...]: fields of Setup or BochsSetup.
                  Hidden: the emulator is too kind, everything passes there
  Config          the boot configuration; test=all unless said otherwise
  Named           what must be said, a regular expression per line; one is enough
  Test            what the ordinary suite has against it: build, boot, self-test names
  Set             blind: written, with its Named lines, without knowledge of the messages;
                  third: likewise, after the diagnostics that the blind ones asked for
  Blind           of both the verdict of the very first run, missing until then; it is
                  never changed again
"""
import os
import re
from dataclasses import dataclass, field, fields

import places   # noqa: F401  (puts scripts/ on the path)
import bochs
import machine

FOLDER = os.path.dirname(os.path.realpath(__file__))
ONCE = ('Title', 'Story', 'Threads', 'Without-QEMU', 'Without-Bochs', 'Test')
OPTIONAL = ('Config', 'Set', 'Blind')
MANY = ('Run', 'Named')
# Those written beside the messages, and those written without them: scored apart.
SETS = ('first', 'blind', 'third')
RANKS = ('named', 'partly', 'not named')
SETUPS = {'qemu': machine.Setup, 'bochs': bochs.BochsSetup}
THREAD = re.compile(r'[\w.-]+/[\w.-]+#\d+$')
# A machine of this size is large enough for every self-test but one, and boots quickly.
DEFAULTS = {'mem': '64M', 'rubbish': True}


class RecordError(Exception):
    """A record that is not complete: the file, and what is wrong in one sentence."""


@dataclass(frozen=True)
class Run:
    """One machine: on it the bug shows, or is known to stay hidden."""
    emulator: str
    hidden: bool
    settings: tuple   # of (field, value)

    def __str__(self):
        words = [f'{key}={value}' for key, value in self.settings]
        return ' '.join([self.emulator, *words])

    def setup(self, image, config):
        values = {**DEFAULTS, **dict(self.settings)}
        return SETUPS[self.emulator](image, config=config, **values)


@dataclass
class Bug:
    name: str
    path: str
    title: str = ''
    story: str = ''
    threads: tuple = ()
    without: dict = field(default_factory=dict)
    runs: tuple = ()
    config: str = 'test=all'
    named: tuple = ()
    tests: tuple = ()
    set: str = 'first'
    blind: str = ''

    def naming(self, text):
        """The first line that names the bug, or None."""
        for pattern in self.named:
            found = pattern.search(text)
            if found:
                start = text.rfind('\n', 0, found.start()) + 1
                end = text.find('\n', found.end())
                return text[start:end if end >= 0 else len(text)].strip()
        return None


def head_of(text):
    """[(field, value)] above the diff."""
    lines = text.partition('\n--- ')[0].split('\n')
    out = []
    for line in lines[1:]:   # the first is the licence
        if line[:1].isspace() and line.strip() and out:
            out[-1][1] += ' ' + line.strip()
        elif ':' in line:
            name, _, value = line.partition(':')
            out.append([name, value.strip()])
        elif line.strip():
            raise ValueError(f'"{line}" is no field; longer values go on behind a blank')
    return out


def parse_run(text):
    words = text.split()
    emulator = words[0] if words else ''
    if emulator not in SETUPS:
        raise ValueError(f'Run: {text}: begins with {" or ".join(SETUPS)}')
    hidden = 'hidden' in words
    settings = []
    known = {f.name for f in fields(SETUPS[emulator])} - {'image', 'config', 'rubbish'}
    for word in words[1 + hidden:]:
        key, equals, value = word.partition('=')
        if key not in known or not equals:
            raise ValueError(f'Run: {word}: one of {", ".join(sorted(known))} = a value')
        settings.append((key, int(value) if key == 'smp' else value))
    return Run(emulator, hidden, tuple(settings))


def parse_threads(text):
    if text == 'none':
        return ()
    threads = tuple(word.strip() for word in text.split(','))
    for thread in threads:
        if not THREAD.match(thread):
            raise ValueError(f'Threads: {thread}: owner/repository#number, or none')
    return threads


def fill(bug, head):
    names = [name for name, _ in head]
    for name in names:
        if name not in ONCE + OPTIONAL + MANY:
            raise ValueError(f'{name}: not a field of a record')
        if name not in MANY and names.count(name) > 1:
            raise ValueError(f'{name}: given twice')
    one = dict(head)
    for name in ONCE + MANY:
        if name not in names and (name != 'Run' or one.get('Test') != 'build'):
            raise ValueError(f'{name}: missing')
    for name in ONCE:
        if not one[name]:
            raise ValueError(f'{name}: empty')
    bug.title, bug.story = one['Title'], one['Story']
    bug.threads = parse_threads(one['Threads'])
    bug.without = {'qemu': one['Without-QEMU'], 'bochs': one['Without-Bochs']}
    bug.tests = tuple(word.strip() for word in one['Test'].split(','))
    bug.config = one.get('Config', bug.config)
    bug.set = one.get('Set', bug.set)
    if bug.set not in SETS:
        raise ValueError(f'Set: {bug.set}: one of {", ".join(SETS)}')
    bug.blind = one.get('Blind', '')
    if 'Blind' in names and (bug.blind not in RANKS or bug.set == 'first'):
        raise ValueError(f'Blind: {bug.blind}: one of {", ".join(RANKS)}, and only with '
                         f'Set: {" or ".join(SETS[1:])}')
    bug.runs = tuple(parse_run(value) for name, value in head if name == 'Run')
    if bug.runs and all(run.hidden for run in bug.runs):
        raise ValueError('Run: hidden on every machine; expected one where it shows')
    bug.named = tuple(re.compile(value, re.M) for name, value in head if name == 'Named')


def load(path):
    """One exhibit; RecordError says what it lacks."""
    name = os.path.splitext(os.path.basename(path))[0]
    try:
        with open(path, encoding='ascii') as file:
            text = file.read()
        if 'SPDX-License-Identifier: MIT' not in text.partition('\n')[0]:
            raise ValueError('the first line has no SPDX-License-Identifier: MIT')
        if not re.search(r'^--- a/\S+\n\+\+\+ b/\S+\n@@ ', text, re.M):
            raise ValueError('no diff from a/ to b/ below the record')
        bug = Bug(name, path)
        fill(bug, head_of(text))
    except (ValueError, re.error) as error:
        raise RecordError(f'tests/bugs/{name}.patch: {error}') from None
    return bug


def load_all(folder=FOLDER):
    names = sorted(name for name in os.listdir(folder) if name.endswith('.patch'))
    return [load(os.path.join(folder, name)) for name in names]
