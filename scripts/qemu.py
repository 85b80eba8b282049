# SPDX-License-Identifier: MIT
"""A QEMU that is watched: boots a copy of the image, speaks QMP and serial.

  with Qemu(Setup(image, mem='5G')) as vm:
      vm.wait_for('plinth> ')
      vm.send('mem\\r')

A reset that nobody in the guest asked for is told from a triple fault by QEMU's own log.
"""
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import disk_format as fmt
import ktap
import recorder
from disk_format import L
from machine import (RC_FAILED, RC_PASSED, EmulatorError, prepare_image, qemu_command,
                     read_text, scratch_folder, triple_fault, verdict)


# How long a boot may follow one that was reset, to tell of it. A BIOS that is entered by
# a reset adds some of its own.
FOLLOW_SECONDS, FOLLOW_RESETS = 20, 100
NOT_RECORDED = 'the flight recorder holds nothing of this boot'


class Qmp:
    """QMP of a QEMU that somebody else watches."""

    def __init__(self, path):
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.settimeout(10)
        self.channel.connect(path)
        self.lines = self.channel.makefile('rw', encoding='utf-8')
        self.lines.readline()
        self.command('qmp_capabilities')

    def command(self, name, **arguments):
        self.lines.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.lines.flush()
        for line in self.lines:
            reply = json.loads(line)
            if 'event' not in reply:
                return reply
        raise EmulatorError(f'QEMU is gone before {name}')

    def save_memory(self, address, count, path):
        """Physical memory, as bytes."""
        self.command('pmemsave', val=address, size=count, filename=path)
        with open(path, 'rb') as file:
            return file.read()


class Qemu:
    """A running QEMU. Text arrives in `serial`; wait_for(), finish() move it along."""

    def __init__(self, setup, wall=240, cpu_seconds=100, rubbish_folder=None,
                 paused=False, echo=None):
        setup.validate()
        self.setup, self.serial, self.events = setup, '', []
        self.wall, self.cpu_limit = wall, cpu_seconds
        self.rubbish_folder, self.paused, self.echo = rubbish_folder, paused, echo
        self.process = self.qmp = self.com1 = None
        self.qmp_bytes, self.serial_bytes, self.command_number = b'', b'', 0
        self.ended = None

    def __enter__(self):
        self.folder = scratch_folder()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process:
            self.process.wait()
        if self.qmp:
            self.qmp.close()
        for end in self.com1 or ():
            os.close(end)
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def _listen(self, name):
        server = socket.socket(socket.AF_UNIX)
        server.bind(self.path(name))
        server.listen(1)
        server.settimeout(0.1)
        return server

    def _open_serial(self):
        """Pipes, not a socket: a socket is full after some 200 unread characters, and a
        guest waits for its transmitter only so long. Opened for both directions, so that
        neither end ever sees the end of the file."""
        ends = []
        for name in ('com1.out', 'com1.in'):
            os.mkfifo(self.path(name))
            ends.append(os.open(self.path(name), os.O_RDWR | os.O_NONBLOCK))
        return ends

    def _accept(self, server):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                channel, _ = server.accept()
                server.close()
                return channel
            except socket.timeout:
                if self.process.poll() is not None:
                    break
        raise EmulatorError(read_text(self.path('stderr')).strip()
                            or 'qemu-system-x86_64 did not start')

    def _start(self):
        disk = prepare_image(self.setup, self.folder)
        command = qemu_command(self.setup, disk, self.folder, self.rubbish_folder)
        server = self._listen('qmp')
        command += ['-chardev', f'socket,id=qmp,path={self.path("qmp")}',
                    '-mon', 'chardev=qmp,mode=control']
        if self.setup.serial:
            self.com1 = self._open_serial()
            command += ['-chardev', f'pipe,id=com1,path={self.path("com1")}',
                        '-serial', 'chardev:com1']
        if self.paused:
            command.append('-S')
        self.began = time.monotonic()
        with open(self.path('stderr'), 'wb') as errors:
            try:
                # timeout(1) ends it even if this process is gone.
                self.process = subprocess.Popen(
                    ['timeout', '-k', '2', str(self.wall + 30), *command], stderr=errors,
                    stdin=subprocess.DEVNULL, stdout=errors, start_new_session=True)
            except FileNotFoundError as error:
                raise EmulatorError(f'{error.filename} is not installed') from None
        self.qmp = self._accept(server)
        try:
            self.command('qmp_capabilities')
        except EmulatorError:   # its own words say more
            raise EmulatorError(read_text(self.path('stderr')).strip()
                                or 'qemu-system-x86_64 ended at once') from None

    # --- moving things along

    def _take_serial(self):
        try:
            while True:
                data = os.read(self.com1[0], 65536)
                self.serial += data.decode('latin-1')
                if self.echo:
                    self.echo(data)
        except BlockingIOError:
            pass

    def _take_qmp(self):
        try:
            data = self.qmp.recv(65536)
        except ConnectionError:
            data = b''
        self.qmp_bytes += data
        if not data:
            self.qmp.close()
            self.qmp = None

    def pump(self, seconds=0.05):
        """Takes in what arrived, waiting at most so long for something."""
        channels = [self.qmp] * bool(self.qmp) + (self.com1 or [])[:1]
        over = self.process.poll() is not None   # before reading: nothing comes after
        ready = select.select(channels, [], [], 0 if over else seconds)[0]
        if self.com1:
            self._take_serial()
        if self.qmp in ready:
            self._take_qmp()
        replies = []
        while b'\n' in self.qmp_bytes:
            line, _, self.qmp_bytes = self.qmp_bytes.partition(b'\n')
            message = json.loads(line)
            (self.events if 'event' in message else replies).append(message)
        if self.ended is None and over and not self.qmp:
            self.ended = self._exit_reason(self.process.returncode)
        return replies

    def _exit_reason(self, code):
        if code == RC_PASSED:
            return 'good'
        if code == RC_FAILED:
            return 'bad'
        if code == 0:
            return 'switched off'
        if code in (124, 137):
            return 'timeout'
        words = read_text(self.path('stderr')).strip().splitlines()
        return f'emulator error: status {code}: {" / ".join(words[-2:])}'

    def resets(self):
        """Resets that something in the machine caused, not this program."""
        return [e for e in self.events if e['event'] == 'RESET' and e['data']['guest']]

    def cpu_seconds(self):
        """Host CPU time that the guest got: a fair measure on a busy host."""
        pid = self.process.pid
        try:
            with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
                child = file.read().split()[0]
            with open(f'/proc/{child}/stat', encoding='ascii') as file:
                numbers = file.read().rpartition(')')[2].split()
        except (OSError, IndexError):
            return 0.0
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf('SC_CLK_TCK')

    def _wait(self, done, resets=0, seconds=None):
        """Until done() or the end; says in words why it stopped without done()."""
        polls, end = 0, self.began + self.wall
        if seconds is not None:
            end = min(end, time.monotonic() + seconds)
        while not done():
            if self.ended:
                return self.ended
            if len(self.resets()) > resets:
                fault = triple_fault(self.folder)
                return 'triple fault' if fault is not None else 'reset'
            polls += 1
            late = time.monotonic() > end
            if late or polls % 20 == 0 and self.cpu_seconds() > self.cpu_limit:
                return 'timeout'
            self.pump()
        return None

    # --- what tests use

    def wait_until(self, done):
        """Runs until done() is true: None; or says why it stopped before."""
        return self._wait(done)

    def command(self, name, **arguments):
        """One QMP command; returns its result."""
        if not self.qmp:
            raise EmulatorError(f'QEMU is gone before {name}')
        self.command_number += 1
        request = {'execute': name, 'arguments': arguments, 'id': self.command_number}
        try:
            self.qmp.sendall(json.dumps(request).encode() + b'\n')
        except OSError:
            raise EmulatorError(f'QEMU ended before {name}') from None
        end = time.monotonic() + 60
        while time.monotonic() < end and self.qmp:
            for reply in self.pump():
                if reply.get('id') == self.command_number:
                    if 'error' in reply:
                        raise EmulatorError(f"{name}: {reply['error']['desc']}")
                    return reply['return']
        raise EmulatorError(f'QEMU does not answer {name}')

    def monitor(self, line):
        return self.command('human-monitor-command', **{'command-line': line})

    def send(self, text):
        """To COM1; waits while the guest takes it."""
        data = text.encode('latin-1')
        while data:
            try:
                data = data[os.write(self.com1[1], data):]
            except BlockingIOError:
                self.pump()

    def send_keys(self, names):
        for name in names:
            keys = [{'type': 'qcode', 'data': key} for key in name.split('-')]
            self.command('send-key', keys=keys, **{'hold-time': 20})
            time.sleep(0.03)

    def screenshot(self, path):
        self.command('screendump', filename=os.path.abspath(path), format='png')

    def screen(self):
        """The text on the VGA screen, one line per row."""
        path = self.path('screen')
        self.command('pmemsave', val=0xB8000, size=80 * 25 * 2, filename=path)
        with open(path, 'rb') as file:
            cells = file.read()[::2].decode('latin-1').replace('\0', ' ')
        return '\n'.join(cells[i:i + 80].rstrip() for i in range(0, len(cells), 80))

    def e9(self):
        return read_text(self.path('e9.txt'))

    def wait_for(self, pattern, after=0, resets=0, source='serial', seconds=None):
        """Waits for a regular expression in what was said from position `after` on.

        At most `seconds`, and never longer than the machine's whole time. Returns the
        match; raises EmulatorError with all evidence when the machine ended, reset or
        ran out of time before.
        """
        regex, found = re.compile(pattern, re.M), []

        def seen():
            text = self.serial if source == 'serial' else self.e9()
            match = regex.search(ktap.plain(text), after)
            if match:
                found.append(match)
            return bool(match)

        stopped = self._wait(seen, resets, seconds)
        if stopped:
            text = verdict(self.serial, self.e9(), stopped)
            text.details.append(triple_fault(self.folder) or '')
            raise EmulatorError(f'waiting for {pattern!r}: {text}')
        return found[-1]

    def mark(self):
        """A position for wait_for(after=...): everything said so far is before it."""
        self.pump(0)
        return len(ktap.plain(self.serial))

    def recorder_memory(self):
        """The flight recorder's 64 KiB."""
        path = self.path('recorder')
        self.command('pmemsave', val=L['RECORDER_PHYS'], size=L['RECORDER_BYTES'],
                     filename=path)
        with open(path, 'rb') as file:
            return file.read()

    def last_words(self):
        """After a reset: lets one boot follow, and says what the one before it left in
        the flight recorder. Nothing when it had ended on purpose."""
        boot, fault = None, triple_fault(self.folder)
        try:
            reset = recorder.Reset(self.recorder_memory)
            if reset.on_record:
                self._wait(reset.follower_is_up, resets=FOLLOW_RESETS,
                           seconds=FOLLOW_SECONDS)
            boot = reset.dead_boot()
        except EmulatorError:
            pass    # it is gone; what was read is all there is
        if boot is None:
            return [NOT_RECORDED] * (fault is not None)
        if boot.is_good:
            return []
        return boot.brief(recorder.image_names(fmt.Image(self.setup.image)), fault or '')

    def halted(self):
        """True when CPU 0 stands in HLT."""
        return 'HLT=1' in self.monitor('info registers')

    def _dead(self):
        """True when a death was reported and the machine has come to rest."""
        said = self.serial if self.setup.serial else self.e9()
        if not self.qmp or not ktap.death(said):
            return False
        try:
            return self.halted()
        except EmulatorError:
            return False    # it has just ended: that is the better answer

    def finish(self, nonce=None):
        """Runs to the machine's end: exit, first reset, or a death that halted it."""
        stopped = (self._wait(lambda: self.ended or self._dead()) or self.ended
                   or 'halted')
        result = verdict(self.serial, self.e9(), stopped, nonce)
        if stopped == 'triple fault':
            result.details.append(f'at {triple_fault(self.folder)}')
        if stopped in ('triple fault', 'reset'):
            result.details += self.last_words()
        result.seconds = time.monotonic() - self.began
        return result


def boot(setup, nonce=None, **limits):
    """One boot to its end."""
    with Qemu(setup, **limits) as machine:
        return machine.finish(nonce)
