"""The application beside the night: it changes one row after another that is not due."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import sqlalchemy as sa

from benchmarks import rivals
from benchmarks.engines import Engine

_PAUSE = 0.005
_ROWS = 200


class Application:
    """One client in a thread; `waits` are the seconds of each of its transactions."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.waits: list[float] = []
        self._stop = threading.Event()
        options = {"timeout": 60} if engine.name == "sqlite" else {}
        self._engine = sa.create_engine(url, connect_args=options)
        query = f"SELECT id FROM events WHERE NOT {rivals.due(engine)} LIMIT {_ROWS}"
        with self._engine.connect() as connection:
            self._keys = [row[0] for row in connection.exec_driver_sql(query)]
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Application:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._engine.dispose()

    def work_for(self, seconds: float) -> None:
        """Wait while the client works."""
        time.sleep(seconds)

    def _work(self) -> None:
        change = sa.text("UPDATE events SET note = 'seen' WHERE id = :key")
        with self._engine.connect() as connection:
            for number in range(10_000_000):
                if self._stop.is_set() or not self._keys:
                    return
                started = time.perf_counter()
                with connection.begin():
                    connection.execute(change, {"key": self._keys[number % len(self._keys)]})
                self.waits.append(time.perf_counter() - started)
                time.sleep(_PAUSE)
