# Three images of asc:
#
#   docker build -t asc .                        predicts, computes features, evaluates, compares, reports
#   docker build -t asc-serve --target serve .   serves models to browsers and programs
#   docker build -t asc-train --target train .   trains as well, on the processor
#
#   docker run --rm -v asc:/data -v "$PWD":/work asc models import model.zip
#   docker run --rm -v asc:/data -v "$PWD":/work asc predict clip.wav
#
# Models, features and runs are in /data ($ASC_HOME); /work is where commands run. No package of the
# system is needed: the wheel of soundfile brings libsndfile. Continuous integration runs the pip
# commands below, as they stand, in a clean environment.

FROM python:3.11-slim AS wheel
WORKDIR /asc
COPY . .
RUN python -m pip wheel --no-deps --wheel-dir dist .

FROM python:3.11-slim AS base
WORKDIR /asc
ENV ASC_HOME=/data ASC_DATA=/data/datasets XDG_CACHE_HOME=/data/cache
RUN useradd --create-home asc && install --directory --owner asc /data /work
COPY --from=wheel /asc/constraints.txt /asc/dist/ ./
ENTRYPOINT ["asc"]
CMD ["--help"]

FROM base AS train
# torch's build without CUDA is far smaller
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN python -m pip install --no-cache-dir --constraint constraints.txt "$(ls "$PWD"/asc_scenes-*.whl)[train]"
USER asc
WORKDIR /work

FROM base AS serve
RUN python -m pip install --no-cache-dir --no-compile --constraint constraints.txt "$(ls "$PWD"/asc_scenes-*.whl)[serve]"
RUN python -m compileall -q -x '/(tests|lexers|transformers|quantization)/' "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
USER asc
WORKDIR /work
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["serve", "--host", "0.0.0.0"]

FROM base AS predict
# without what nothing here imports: pip would compile the tests of NumPy and SciPy too, 25 MB in all
RUN python -m pip install --no-cache-dir --no-compile --constraint constraints.txt asc_scenes-*.whl
RUN python -m compileall -q -x '/(tests|lexers|transformers|quantization)/' "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
USER asc
WORKDIR /work
