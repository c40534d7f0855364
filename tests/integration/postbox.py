"""A real SMTP server over TLS (aiosmtpd) that keeps what it is given, and one that answers as a test wants it to."""
import contextlib
import email

import pki
import stack
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Postbox:
    """starttls: else TLS from the first byte. account: (name, password) that must be given. refuse: an answer to RCPT
    instead of 250, while it is set."""

    def __init__(self, pair, starttls=True, account=None):
        context = pki.server_context(pair)
        self.letters, self.refuse, self.account, self.starttls = [], None, account, starttls
        self.port = stack.free_port()
        more = {"tls_context": context, "require_starttls": True} if starttls else {"ssl_context": context}
        if account:
            more |= {"auth_required": True, "authenticator": self._account}
        self.server = Controller(self, hostname="127.0.0.1", port=self.port, **more)
        self.server.start()

    def _account(self, server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self.account
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.letters.append((envelope.mail_from, list(envelope.rcpt_tos), email.message_from_bytes(envelope.content)))
        return "250 taken"

    @property
    def url(self):
        return f"{'smtp' if self.starttls else 'smtps'}://127.0.0.1:{self.port}"

    def subjects(self):
        return [letter["Subject"] for _, _, letter in self.letters]

    def close(self):
        self.server.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Liar(stack.Server):
    """Says these lines, one before each line of the client; then nothing more."""

    def __init__(self, *lines):
        self.lines, self.heard = lines, b""
        super().__init__()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _serve(self, sock):
        with contextlib.suppress(OSError), sock:
            sock.settimeout(20)
            for line in self.lines:
                sock.sendall(line)
                self.heard += sock.recv(65536)
            while True:
                more = sock.recv(65536)
                if not more:
                    return
                self.heard += more
