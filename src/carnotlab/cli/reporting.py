"""``carnot report``: the page again, from a folder alone."""

import webbrowser
from pathlib import Path

from carnotlab.cli.devices import spread_over_cores
from carnotlab.cli.output import ExitCode, say
from carnotlab.cli.running import code_of, print_results
from carnotlab.reports.figures import Exhibit
from carnotlab.reports.folder import PAGE, write_page, write_results
from carnotlab.reports.recall import IncompleteError, recall, result_folders
from carnotlab.studies.catalogue import find_study


def report(folder: Path, *, open_page: bool) -> ExitCode:
    """Judge every finished result in a folder again and write its page.

    What is unfinished is left out, with a line that names the command which resumes it.

    Raises:
        InputError: for a folder without results, or with files that are not what they should be.
    """
    spread_over_cores()
    shown: list[Exhibit] = []
    unfinished = 0
    for each in result_folders(folder):
        try:
            result = recall(each, find_study)
        except IncompleteError as error:
            say(str(error))
            unfinished += 1
            continue
        shown.append(write_results(result, each))
    results = [each.result for each in shown]
    if shown:
        page = folder / PAGE
        write_page(shown, page)
        print_results(results, page, json=False)
        if open_page:
            webbrowser.open(page.resolve().as_uri())
    return ExitCode.UNFINISHED if unfinished else code_of(results)
